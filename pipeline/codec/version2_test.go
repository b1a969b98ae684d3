package codec

import (
	"testing"
	"time"

	"tallyman/pipeline/event"
)

// TestVersion2 reads what the second version wrote.
func TestVersion2(t *testing.T) {
	shared, fields := storedFields()
	reads(t, []event.Event{
		{ID: event.NewID([]byte("x")), Time: storedAt, Seen: storedAt.Add(time.Second), Dataset: "auditd.log", Records: 5, Offset: 77, Shared: shared, Fields: fields},
		{Decode: "audit", Raw: "type=…", Records: 1, Shared: shared},
	}, "02030909686f73742e6e616d650c70726f636573732e617267730b6175646974642e646174610b70726f636573732e7069640a66696c652e696e6f6465106576656e742e7269736b5f73636f72651370"+
		"726f636573732e696e7465726163746976650d70726f636573732e737461727409736f757263652e6970010101066e6f64652d37022d711642b726b04401627ca9fbac32f501fa8388b00d959aef3a01"+
		"fc8388b00d959aef3a0a6175646974642e6c6f6700059a010109110461ff006211002902613002376632ffffffffffffffffff0143ffffffffffffffffff01549a9999999999b93f650176aabcab95f7"+
		"90f7e93187010b323030313a6462383a3a3100000000000000000000000000000000000000000561756469740100010008747970653de280a6")
}
