package codec

import (
	"testing"
	"time"

	"tallyman/pipeline/event"
)

// TestVersion3 reads what the third version wrote.
func TestVersion3(t *testing.T) {
	shared, fields := storedFields()
	reads(t, []event.Event{
		{ID: event.NewID([]byte("x")), Time: storedAt, Seen: storedAt.Add(time.Second), Dataset: "auditd.log", Records: 5, Offset: 77, Shared: shared, Fields: fields},
		{ID: event.NewID([]byte("y")), Time: storedAt, Seen: storedAt.Truncate(time.Second).Add(time.Second), Dataset: "auditd.log", Records: 4, Offset: 70, Fields: fields[2:]},
		{Decode: "audit", Raw: "type=…", Records: 1, Shared: shared},
	}, "03030109686f73742e6e616d65010101066e6f64652d37032d711642b726b04401627ca9fbac32f503fa8388b00d959aef3a03fc8388b00d959aef3a176175646974642e6c6f67"+
		"03059a01010900021b70726f636573732e6172677303010b61ff00620002030003196175646974642e646174610761300107376600041970726f636573732e706964030201ffffffffffffffffff010005"+
		"1766696c652e696e6f6465030301ffffffffffffffffff010006236576656e742e7269736b5f73636f72650304019a9999999999b93f00072970726f636573732e696e7465726163746976650305010100"+
		"081d70726f636573732e7374617274030601aabcab95f790f7e931000915736f757263652e6970030719323030313a6462383a3a3100a1fce4363854ff888cff4b8e7875d600010200000203040d000700"+
		"030c01ffffffffffffffffff0101ffffffffffffffffff01019a9999999999b93f010101aabcab95f790f7e9311a00000000000000000000000000000000000000030d6175646974018b01010008747970653de280a6")
}
