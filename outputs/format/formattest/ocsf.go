package formattest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// OCSF is what a release of OCSF requires of its classes and objects.
type OCSF struct {
	Version string `json:"ocsf_version"`
	Classes map[string]struct {
		Name       string
		Category   int               `json:"category_uid"`
		Activities map[string]string `json:"activities"`
		Required   []string
		Attributes []string
		rules
	}
	Objects map[string]struct {
		Required   []string
		Attributes map[string]string // to the name of their type
		rules
	}
}

// rules are the constraints of a class or an object.
type rules struct {
	Constraints struct {
		AtLeastOne []string `json:"at_least_one"`
		JustOne    []string `json:"just_one"`
	}
}

// LoadOCSF reads the tables of a release.
func LoadOCSF(path string) (*OCSF, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	o := &OCSF{}
	if err := json.Unmarshal(text, o); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(o.Classes) == 0 || len(o.Objects) == 0 {
		return nil, fmt.Errorf("%s has no classes or objects", path)
	}
	return o, nil
}

// Check returns everything that is wrong with an event, and the class that it
// says it is of.
func (o *OCSF) Check(text []byte) (class string, err error) {
	var e map[string]any
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	if err := dec.Decode(&e); err != nil {
		return "", err
	}
	if dec.More() {
		return "", errors.New("more than one object")
	}
	class = fmt.Sprint(e["class_uid"])
	c, ok := o.Classes[class]
	if !ok {
		return class, fmt.Errorf("there is no class %s", class)
	}
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	activity := fmt.Sprint(e["activity_id"])
	if _, ok := c.Activities[activity]; !ok {
		bad("class %s has no activity %s", class, activity)
	}
	if got := fmt.Sprint(e["category_uid"]); got != strconv.Itoa(c.Category) {
		bad("category_uid is %s", got)
	}
	n, _ := strconv.Atoi(class)
	a, _ := strconv.Atoi(activity)
	if got := fmt.Sprint(e["type_uid"]); got != strconv.Itoa(n*100+a) {
		bad("type_uid is %s of class %s and activity %s", got, class, activity)
	}
	if _, named := e["activity_name"]; !named && a == 99 {
		bad("activity 99 has no activity_name, which it stands for")
	}
	unnamed(e, bad)
	wrong = append(wrong, requires(e, c.Required, c.rules, class))
	metadata, _ := e["metadata"].(map[string]any)
	if metadata["version"] != o.Version {
		bad("metadata.version is %v", metadata["version"])
	}
	profiles, _ := metadata["profiles"].([]any)
	for name, v := range e {
		if !slices.Contains(c.Attributes, name) && !ofProfile(name, profiles) {
			bad("class %s has no %s", class, name)
			continue
		}
		typ, ok := attributeTypes[name]
		if !ok {
			bad("the type of %s is not known to this reader", name)
			continue
		}
		wrong = append(wrong, o.value(name, typ, v))
	}
	return class, errors.Join(wrong...)
}

// unnamed finds values 99, which is Other in every enumeration, whose name does not
// stand beside them.
func unnamed(v any, bad func(string, ...any)) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			unnamed(one, bad)
		}
	case map[string]any:
		for name, one := range v {
			sibling, enum := strings.CutSuffix(name, "_id")
			if _, named := v[sibling]; enum && !named && name != "activity_id" && fmt.Sprint(one) == "99" {
				bad("%s is 99, and no %s says what", name, sibling)
			}
			if name != "unmapped" {
				unnamed(one, bad)
			}
		}
	}
}

// ofProfile reports whether an attribute of a class comes with one of the
// profiles.
func ofProfile(name string, profiles []any) bool {
	switch name {
	case "actor", "device":
		return slices.Contains(profiles, any("host"))
	case "action_id", "disposition_id":
		return slices.Contains(profiles, any("security_control"))
	}
	return false
}

// attributeTypes are the types of the attributes of classes, by the dictionary of
// OCSF.
var attributeTypes = map[string]string{
	"class_uid": "integer_t", "category_uid": "integer_t", "activity_id": "integer_t", "activity_name": "string_t", "type_uid": "long_t",
	"severity_id": "integer_t", "status_id": "integer_t", "status_code": "string_t", "status_detail": "string_t", "time": "timestamp_t",
	"start_time": "timestamp_t", "end_time": "timestamp_t", "duration": "long_t", "message": "string_t", "raw_data": "string_t",
	"metadata": "metadata", "observables": "observable", "unmapped": "object", "actor": "actor", "device": "device", "process": "process",
	"file": "file", "file_result": "file", "src_endpoint": "network_endpoint", "dst_endpoint": "network_endpoint",
	"connection_info": "network_connection_info", "app_protocol_name": "string_t", "user": "user", "service": "service", "group": "group",
	"privileges": "string_t", "api": "api", "http_request": "http_request", "resources": "resource_details", "finding_info": "finding_info",
	"evidences": "evidences", "confidence_id": "integer_t", "is_alert": "boolean_t", "app": "product", "driver": "kernel_driver", "kernel": "kernel",
	"log_name": "string_t", "job": "job", "script": "script", "auth_protocol_id": "integer_t", "logon_type_id": "integer_t", "is_remote": "boolean_t",
	"account_switch_type_id": "integer_t", "exit_code": "integer_t", "action_id": "integer_t", "disposition_id": "integer_t",
}

// lists are the attributes that are lists.
var lists = []string{"observables", "privileges", "resources", "evidences", "labels", "profiles", "groups", "hashes", "attacks", "data_sources"}

// requires holds an object against what must be there.
func requires(have map[string]any, required []string, r rules, path string) error {
	var wrong []error
	for _, name := range required {
		if _, ok := have[name]; !ok {
			wrong = append(wrong, fmt.Errorf("%s lacks %s", path, name))
		}
	}
	count := func(list []string) (n int) {
		for _, name := range list {
			if _, ok := have[name]; ok {
				n++
			}
		}
		return n
	}
	if list := r.Constraints.AtLeastOne; len(list) > 0 && count(list) == 0 {
		wrong = append(wrong, fmt.Errorf("%s has none of %v", path, list))
	}
	if list := r.Constraints.JustOne; len(list) > 0 && count(list) != 1 {
		wrong = append(wrong, fmt.Errorf("%s has not just one of %v", path, list))
	}
	return errors.Join(wrong...)
}

// value holds a value against its type.
func (o *OCSF) value(path, typ string, v any) error {
	name := path[strings.LastIndexByte(path, '.')+1:]
	if list, ok := v.([]any); ok != slices.Contains(lists, name) {
		return fmt.Errorf("%s is %T", path, v)
	} else if ok {
		if len(list) == 0 {
			return fmt.Errorf("%s is empty", path)
		}
		var wrong []error
		for _, one := range list {
			wrong = append(wrong, o.one(path, typ, one))
		}
		return errors.Join(wrong...)
	}
	return o.one(path, typ, v)
}

func (o *OCSF) one(path, typ string, v any) error {
	if typ == "object" || typ == "long_string" {
		m, ok := v.(map[string]any)
		if !ok || len(m) == 0 || typ == "long_string" && m["value"] == nil {
			return fmt.Errorf("%s is %v", path, v)
		}
		return nil
	}
	if strings.HasSuffix(typ, "_t") {
		return scalar(path, typ, v)
	}
	object, known := o.Objects[typ]
	m, ok := v.(map[string]any)
	if !known || !ok {
		return fmt.Errorf("%s is no %s: %v", path, typ, v)
	}
	wrong := []error{requires(m, object.Required, object.rules, path)}
	for name, v := range m {
		kind, ok := object.Attributes[name]
		if !ok {
			wrong = append(wrong, fmt.Errorf("%s, a %s, has no %s", path, typ, name))
			continue
		}
		wrong = append(wrong, o.value(path+"."+name, kind, v))
	}
	return errors.Join(wrong...)
}

// scalar holds one value against a type of the dictionary.
func scalar(path, typ string, v any) error {
	good := false
	switch typ {
	case "boolean_t":
		_, good = v.(bool)
	case "integer_t", "long_t", "timestamp_t", "port_t":
		if n, ok := v.(json.Number); ok {
			i, err := n.Int64()
			good = err == nil && (typ != "port_t" || i >= 0 && i <= 65535)
		}
	case "ip_t":
		s, _ := v.(string)
		_, err := netip.ParseAddr(s)
		good = err == nil
	default:
		s, ok := v.(string)
		good = ok && s != ""
	}
	if !good {
		return fmt.Errorf("%s is no %s: %v", path, typ, v)
	}
	return nil
}
