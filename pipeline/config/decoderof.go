package config

import "reflect"

// Decoder returns the decoder that an input's records wait for: its setting
// `decode`, "" where it has none.
func (c Component) Decoder() string {
	for _, f := range fieldsOf(reflect.ValueOf(c.Settings).Elem()) {
		if f.key == "decode" && f.value.Kind() == reflect.String {
			return f.value.String()
		}
	}
	return ""
}
