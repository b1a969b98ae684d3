//go:build peers

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Fluent Bit reads one file to its end as the logs of Docker are usually read, with the
// defaults of its tail, and stops when all is delivered: grace is how long it may take then.
const (
	fluentBitConf = `[SERVICE]
    grace        120
    log_level    error
    parsers_file parsers.conf
    storage.path storage
[INPUT]
    name           tail
    path           %s
    parser         docker
    read_from_head on
    exit_on_eof    on
%s[OUTPUT]
    match *
%s`

	fluentBitParser = `[PARSER]
    name        docker
    format      json
    time_key    time
    time_format %Y-%m-%dT%H:%M:%S.%L%z
    time_keep   on
`
	// What it is not by default: reads as large as those of tallyman, and what is not delivered
	// kept in files, with the place that is read. It syncs neither.
	fluentBitReads  = "    buffer_chunk_size 1M\n    buffer_max_size 2M\n"
	fluentBitStored = "    storage.type filesystem\n    db tail.db\n"

	fluentBitFile = `    name   file
    path   %s
    file   out.json
    format plain
`
	// The sourcetype is what the receiver counts by.
	fluentBitHEC = `    name             splunk
    host             %s
    port             %s
    splunk_token     00000000-0000-0000-0000-000000000000
    event_source     docker
    event_sourcetype docker
%s`
)

// The fields of ours that say what a line of Docker's driver says, as Fluent Bit does, and the
// envelope that it makes. The id of an event is written in any case, and is what ours has more.
const (
	ofFluentBit = "tallyman, the fields of Fluent Bit"

	fluentBitFields   = `, only_fields: [message, "labels.stream"]`
	fluentBitEnvelope = fluentBitFields + `, host: "", source: docker, sourcetype: docker, fields: {}`
)

// fluentBit is the program, "" where it is not installed: Debian 12 has no package of it.
func fluentBit(t *testing.T) string {
	t.Helper()
	name := env("FLUENT_BIT", "fluent-bit")
	program, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("FLUENT_BIT") != "" {
			t.Fatalf("FLUENT_BIT does not name a program: %v", err)
		}
		fmt.Print("\nNOT MEASURED: Fluent Bit. Debian 12 has no package of it; set FLUENT_BIT to the program, or have fluent-bit in the PATH.\n\n")
		return ""
	}
	if program, err = filepath.Abs(program); err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command(program, "--version").Output()
	if err != nil {
		t.Fatalf("%s does not say its version: %v", program, err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	fmt.Printf("\nThe peer is %s.\n", first)
	return program
}

// runFluentBit has it read a log, with more settings of the input, and deliver it as an output
// says, which is told the folder.
func runFluentBit(t *testing.T, program, log, input string, output func(dir string) string) func(string) []string {
	t.Helper()
	return func(dir string) []string {
		write(t, filepath.Join(dir, "parsers.conf"), fluentBitParser)
		return []string{program, "-c", write(t, filepath.Join(dir, "fluent-bit.conf"), fmt.Sprintf(fluentBitConf, log, input, output(dir)))}
	}
}

// sameRecord says what is wrong with the record of a line, which Fluent Bit wrote.
func sameRecord(got, line []byte) error {
	var r, l struct{ Log, Stream, Time string }
	d := json.NewDecoder(bytes.NewReader(got))
	d.DisallowUnknownFields()
	if err := errors.Join(d.Decode(&r), json.Unmarshal(line, &l)); err != nil {
		return err
	}
	if r != l {
		return errors.New("it says something else")
	}
	return nil
}
