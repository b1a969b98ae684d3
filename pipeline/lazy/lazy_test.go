package lazy

import "testing"

func TestRegexp(t *testing.T) {
	word := Regexp(`^[a-z]+$`)
	if !word().MatchString("word") || word().MatchString("7") {
		t.Error("it is not the one that was asked for")
	}
	wrong := Regexp(`(`) // nobody has asked for it yet
	defer func() {
		if recover() == nil {
			t.Error("a wrong one is taken")
		}
	}()
	wrong()
}
