package main

import (
	"bytes"
	"encoding/binary"
)

// As much of BSON (bsonspec.org) as it takes to leave a field out.

const (
	typeDocument = 0x03
	typeArray    = 0x04
)

// firstName is the name of a document's first field: a command's name.
func firstName(document []byte) (string, bool) {
	if len(document) < 6 {
		return "", false
	}
	name, _, ok := bytes.Cut(document[5:], []byte{0})
	return string(name), ok
}

// without copies a document but for the fields of this name, at any depth. It
// says false for what it does not understand.
func without(document []byte, name string) ([]byte, bool) {
	if len(document) < 5 || int(binary.LittleEndian.Uint32(document)) != len(document) {
		return nil, false
	}
	copied := []byte{0, 0, 0, 0}
	rest := document[4 : len(document)-1]
	for len(rest) > 0 {
		kind := rest[0]
		field, value, ok := bytes.Cut(rest[1:], []byte{0})
		if !ok {
			return nil, false
		}
		length, ok := valueLength(kind, value)
		if !ok || length > len(value) {
			return nil, false
		}
		rest = value[length:]
		value = value[:length]
		if string(field) == name {
			continue
		}
		if kind == typeDocument || kind == typeArray {
			if value, ok = without(value, name); !ok {
				return nil, false
			}
		}
		copied = append(append(append(copied, kind), field...), 0)
		copied = append(copied, value...)
	}
	copied = append(copied, 0)
	binary.LittleEndian.PutUint32(copied, uint32(len(copied)))
	return copied, true
}

// valueLength knows the types that occur in commands.
func valueLength(kind byte, value []byte) (int, bool) {
	prefixed := func(more int) (int, bool) {
		if len(value) < 4 {
			return 0, false
		}
		return int(binary.LittleEndian.Uint32(value)) + more, true
	}
	switch kind {
	case 0x01, 0x09, 0x11, 0x12: // double, date, timestamp, int64
		return 8, true
	case 0x02: // string
		return prefixed(4)
	case typeDocument, typeArray:
		return prefixed(0)
	case 0x05: // binary
		return prefixed(5)
	case 0x07: // object id
		return 12, true
	case 0x08: // boolean
		return 1, true
	case 0x0a: // null
		return 0, true
	case 0x10: // int32
		return 4, true
	case 0x13: // decimal
		return 16, true
	}
	return 0, false
}
