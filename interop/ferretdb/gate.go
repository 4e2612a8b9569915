package main

import (
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"sync"
)

// The gate stands before FerretDB and makes up for two things it lacks.
//
// MongoDB changes one document atomically: the filter is true at the moment of
// the change. FerretDB 1 reads, compares and writes in three steps, and another
// connection may come between. So the gate lets one command in at a time.
//
// FerretDB 1 refuses indexes with expireAfterSeconds. The gate leaves that
// option out, so that clients which make such an index can start. Nothing
// expires by itself then, as with ttlMonitorEnabled=false.

const (
	headerLength = 16
	opMsg        = 2013
	flagsLength  = 4
	moreToCome   = 1 << 1
	// Beyond the 48 000 000 bytes a MongoDB server takes.
	maxMessage = 64 << 20
)

var oneAtATime sync.Mutex

func serve(listener net.Listener, socket string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Print(err)
			return
		}
		go func() {
			defer client.Close()
			server, err := net.Dial("unix", socket)
			if err != nil {
				log.Print(err)
				return
			}
			defer server.Close()
			relay(client, server)
		}()
	}
}

// relay ends when either side does. A command that has arrived whole is carried
// out whole, whether its client still waits or not.
func relay(client, server net.Conn) {
	for {
		request, err := message(client)
		if err != nil {
			return
		}
		reply, err := roundTrip(server, withoutExpiry(request))
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

func roundTrip(server net.Conn, request []byte) ([]byte, error) {
	oneAtATime.Lock()
	defer oneAtATime.Unlock()
	if _, err := server.Write(request); err != nil {
		return nil, err
	}
	if isMsg(request) && binary.LittleEndian.Uint32(request[headerLength:])&moreToCome != 0 {
		return nil, nil
	}
	return message(server)
}

func message(from io.Reader) ([]byte, error) {
	var header [headerLength]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header[:])
	if length < headerLength || length > maxMessage {
		return nil, errors.New("a message of an impossible length")
	}
	whole := make([]byte, length)
	copy(whole, header[:])
	_, err := io.ReadFull(from, whole[headerLength:])
	return whole, err
}

func isMsg(message []byte) bool {
	return len(message) > headerLength+flagsLength &&
		binary.LittleEndian.Uint32(message[12:]) == opMsg
}

// withoutExpiry leaves expireAfterSeconds out of a createIndexes command.
func withoutExpiry(request []byte) []byte {
	const bodyAt = headerLength + flagsLength + 1
	if !isMsg(request) || request[bodyAt-1] != 0 {
		return request
	}
	body := request[bodyAt:]
	if first, ok := firstName(body); !ok || first != "createIndexes" {
		return request
	}
	shorter, ok := without(body, "expireAfterSeconds")
	if !ok {
		return request
	}
	changed := append(append([]byte(nil), request[:bodyAt]...), shorter...)
	binary.LittleEndian.PutUint32(changed, uint32(len(changed)))
	return changed
}
