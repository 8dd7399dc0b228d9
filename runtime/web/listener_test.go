package web

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestConnectionsAreLimited closes what comes beyond the number at once, and gives places back.
func TestConnectionsAreLimited(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &limited{Listener: inner, free: make(chan struct{}, 1)}
	t.Cleanup(func() { _ = l.Close() })
	accepted := make(chan net.Conn, 3)
	go func() {
		defer close(accepted)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	}()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	dial()
	first := <-accepted
	surplus := dial()
	if _, err := surplus.Read(make([]byte, 1)); err == nil {
		t.Error("a connection beyond the number is kept open")
	}
	_ = first.Close()
	_ = first.Close() // gives back one place, not two
	dial()
	second := <-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil {
		t.Error("closing one connection twice makes room for two")
	}
	_ = second.Close()
	_ = l.Close()
	for range accepted {
		t.Error("another connection was accepted")
	}
}

// TestBusyAddressIsAwaited takes an address that another program holds as soon as it is free.
func TestBusyAddressIsAwaited(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(settings(held.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		got := make(chan net.Listener, 1)
		go func() { got <- s.listen(t.Context()) }()
		synctest.Wait()
		if s.URL() != "" {
			t.Fatal("the page claims an address that it does not have")
		}
		_ = held.Close()
		time.Sleep(listenAgain) //nolint:forbidigo // the bubble's clock, not real time
		l := <-got
		if l == nil || !strings.HasPrefix(s.URL(), "http://127.0.0.1:") {
			t.Fatalf("listener %v at %q", l, s.URL())
		}
		_ = l.Close()
	})
}
