// FerretDB 1, embedded with its SQLite backend: a server for tests of the
// MongoDB store where MongoDB itself cannot be had.
//
// What it does differently from FerretDB alone is in gate.go.
package main

import (
	"context"
	"flag"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("ferretdb: ")
	listen := flag.String("listen", "127.0.0.1:27017", "`address` to listen on")
	data := flag.String("data", "", "existing `folder` for the databases and the socket")
	flag.Parse()
	if *data == "" {
		log.Fatal("--data must name an existing folder")
	}
	socket := filepath.Join(*data, "ferretdb.sock")
	// A server that was killed leaves it.
	_ = os.Remove(socket)

	options := slog.HandlerOptions{Level: slog.LevelError}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: socket},
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &options)),
		Handler:   "sqlite",
		SQLiteURL: "file:" + *data + "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	go serve(listener, socket)
	if err := <-ended; err != nil {
		log.Fatal(err)
	}
}
