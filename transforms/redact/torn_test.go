package redact

import (
	"strings"
	"testing"
	"time"

	"tallyman/pipeline/event"
	"tallyman/pipeline/schema"
)

// tornEvent is an event of EXECVE records as the audit transform makes it of what is not
// whole: its arguments are those of the records, in order.
func tornEvent(serial int64, late bool, args []string, records ...string) event.Event {
	e := event.Event{Records: uint32(len(records)), Time: time.UnixMilli(1795227901125)}
	for i, r := range records {
		records[i] = "type=EXECVE msg=audit(1795227901.125:" + itoa(int(serial)) + "): " + r
	}
	e.Raw = strings.Join(records, "\n")
	e.Fields.AddString(schema.EventCode, "EXECVE")
	e.Fields.Add(schema.EventSequence, event.Int(serial))
	for _, a := range args {
		e.Fields.AddString(schema.ProcessArgs, a)
	}
	e.Fields.AddString(schema.ProcessCommandLine, strings.Join(args, " "))
	e.Fields.AddString(schema.Message, "the system ran "+strings.Join(args, " "))
	e.Fields.AddString(schema.EventHash, "of the secret")
	if late {
		e.Fields.AddString(schema.Tags, tagLate)
	}
	e.Fields.AddString(schema.Tags, "tallyman_incomplete")
	e.Fields.AddString(schema.ErrorMessage, "arguments are missing")
	return e
}

// told returns all that an event says, with § for what was replaced.
func told(e *event.Event) string {
	var all []string
	for _, x := range e.Fields {
		if x.Key == schema.ProcessArgs || x.Key == schema.ProcessCommandLine || x.Key == schema.Message {
			all = append(all, x.Str())
		}
	}
	return swap(strings.Join(append(all, e.Raw), "|"))
}

// TestALateRecordsSecretByItself: the option stands in the event before, the secret alone
// in the record that came later.
func TestALateRecordsSecretByItself(t *testing.T) {
	const secret = "Tr0ub4dor"
	for _, c := range []struct {
		name                string
		first, rest         []string // arguments, as the event has them
		firstRec, restRec   string
		want                string // what is left of the late record
		kept, forgetContext bool
	}{
		{name: "the next argument", first: []string{"tool", "--password"}, rest: []string{secret, "--name", "bob"},
			firstRec: `argc=5 a0="tool" a1="--password"`, restRec: `a2="` + secret + `" a3="--name" a4="bob"`, want: `a2="§" a3="--name" a4="bob"`},
		{name: "in hex", first: []string{"tool", "--password"}, rest: []string{secret + " x", "y"},
			firstRec: `argc=4 a0="tool" a1="--password"`, restRec: `a2=` + upper(secret+" x") + ` a3="y"`, want: `a2=§ a3="y"`},
		{name: "a piece of it", first: []string{"tool", "--password=Tr0"}, rest: []string{"ub4dor", "more"},
			firstRec: `argc=3 a0="tool" a1_len=40 a1[0]=` + upper("--password=Tr0"), restRec: `a1[1]=` + upper("ub4dor") + ` a2="more"`, want: `a1[1]=` + "§" + ` a2="more"`},
		{name: "the option of a program", first: []string{"mysql", "-u"}, rest: []string{"ana", "-p" + secret, "db"},
			firstRec: `argc=5 a0="mysql" a1="-u"`, restRec: `a2="ana" a3="-p` + secret + `" a4="db"`, want: `a2="ana" a3="-p§" a4="db"`},
		{name: "at a place", first: []string{"vault", "login"}, rest: []string{secret},
			firstRec: `argc=3 a0="vault" a1="login"`, restRec: `a2="` + secret + `"`, want: `a2="§"`},
		{name: "a part of one at a place", first: []string{"sqlplus", "-s"}, rest: []string{"scott/" + secret + "@db", "@x.sql"},
			firstRec: `argc=4 a0="sqlplus" a1="-s"`, restRec: `a2="scott/` + secret + `@db" a3="@x.sql"`, want: `a2="scott/§@db" a3="@x.sql"`},
		{name: "a piece of one at a place", first: []string{"sqlplus", "scott/Tr0"}, rest: []string{"ub4dor@db", "@x.sql"},
			firstRec: `argc=3 a0="sqlplus" a1_len=18 a1[0]="scott/Tr0"`, restRec: `a1[1]="ub4dor@db" a2="@x.sql"`, want: `a1[1]="§@db" a2="@x.sql"`},
		{name: "behind other options", first: []string{"ldapsearch", "-xw"}, rest: []string{secret, "-b", "dc=x"},
			firstRec: `argc=5 a0="ldapsearch" a1="-xw"`, restRec: `a2="` + secret + `" a3="-b" a4="dc=x"`, want: `a2="§" a3="-b" a4="dc=x"`},
		{name: "a name of a setting", first: []string{"npm", "config", "set", "//h/:_authToken"}, rest: []string{secret},
			firstRec: `argc=5 a0="npm" a1="config" a2="set" a3="//h/:_authToken"`, restRec: `a4="` + secret + `"`, want: `a4="§"`},
		{name: "an argument without a secret", first: []string{"ls", "-l"}, rest: []string{"/srv/a"},
			firstRec: `argc=3 a0="ls" a1="-l"`, restRec: `a2="/srv/a"`, want: `a2="/srv/a"`, kept: true},
		{name: "more is missing between them", first: []string{"tool", "-v"}, rest: []string{secret},
			firstRec: `argc=4 a0="tool" a1="-v"`, restRec: `a3="` + secret + `"`, want: `a3="§"`},
		{name: "nothing is known of the event", rest: []string{secret, "-v", "bob"}, forgetContext: true,
			restRec: `a2="` + secret + `" a3="-v" a4="bob"`, want: `a2="§" a3="-v" a4="§"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, nil).Lane("")
			apply := func(e event.Event) event.Event {
				in, out := event.Batch{Events: []event.Event{e}}, event.Batch{}
				if err := s.Apply(t.Context(), &in, &out); err != nil {
					t.Fatal(err)
				}
				if left := s.(*stage).f.found; len(left) > 0 {
					t.Errorf("secrets are looked for in the next event as well: %v", left)
				}
				return out.Events[0]
			}
			if !c.forgetContext {
				apply(tornEvent(7, false, c.first, c.firstRec))
			}
			got := apply(tornEvent(7, true, c.rest, c.restRec))
			all := told(&got)
			if !strings.HasSuffix(all, "): "+c.want) {
				t.Errorf("it became %s, want %s", all, c.want)
			}
			for _, part := range []string{secret, "ub4dor"} {
				if strings.Contains(all, part) || strings.Contains(got.Raw, upper(part)) {
					t.Errorf("the secret is still there: %s", all)
				}
			}
			if tagged := tag(&got); tagged == c.kept {
				t.Errorf("tagged as redacted: %v", tagged)
			}
			if again := apply(got); told(&again) != all {
				t.Errorf("done twice it is %s", told(&again))
			}
		})
	}
}

// tag reports whether an event has the tag of what was replaced.
func tag(e *event.Event) bool {
	for v := range e.Fields.All(schema.Tags) {
		if v.Str() == Tag {
			return true
		}
	}
	return false
}

// TestALateRecordWithoutItsText: with keep_original: never there are no numbers of
// arguments, so that each is taken for a secret.
func TestALateRecordWithoutItsText(t *testing.T) {
	e := tornEvent(7, true, []string{"Tr0ub4dor", "--name", "bob"}, "")
	e.Raw = ""
	got := one(t, build(t, nil), e)
	if all := told(got); all != "§|--name|§|§ --name §|the system ran § --name §|" {
		t.Error(all)
	}
}

// TestAWaitingRecordsSecretByItself: what waits for the rest of its event is stored, too.
func TestAWaitingRecordsSecretByItself(t *testing.T) {
	tr := build(t, nil)
	line := func(s string) event.Event {
		return event.Event{Decode: "audit", Raw: "type=EXECVE msg=audit(1795227901.125:7): " + s}
	}
	alone := []event.Event{line(`a2="Tr0ub4dor" a3="-v"`)}
	tr.Conceal(alone)
	if got := swap(alone[0].Raw); !strings.HasSuffix(got, `a2="§" a3="-v"`) {
		t.Errorf("alone it became %s", got)
	}
	both := []event.Event{line(`a2="/srv/a"`), line(`argc=3 a0="ls" a1="-l"`)}
	tr.Conceal(both)
	if !strings.HasSuffix(both[0].Raw, `a2="/srv/a"`) || !strings.HasSuffix(both[1].Raw, `a1="-l"`) {
		t.Errorf("together they became %s and %s", both[0].Raw, both[1].Raw)
	}
}
