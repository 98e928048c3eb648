// A CPX API for benchmarks, faster than any client: keep-alive, with a latency or a rate limit.
//
//	server -instances=10000 -latency=20ms
//	server -instances=16000 -rate=2000 -burst=2000
//
// The first line on stdout says where it listens. GET /_stats tells what was sent and refused, and
// how many requests came while a Retry-After that was sent more than 10 ms ago still ran.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

type bucket struct {
	sync.Mutex
	rate, burst, tokens      float64
	filled, refused          time.Time
	served, refusals, tooSoon int
}

func (b *bucket) take() bool {
	b.Lock()
	defer b.Unlock()
	now := time.Now()
	if since := now.Sub(b.refused); since > 10*time.Millisecond && since < 990*time.Millisecond {
		b.tooSoon++
	}
	b.tokens += now.Sub(b.filled).Seconds() * b.rate
	if b.tokens > b.burst {
		b.tokens = b.burst
	}
	b.filled = now
	if b.tokens < 1 {
		b.refusals++
		b.refused = now
		return false
	}
	b.tokens--
	b.served++
	return true
}

func main() {
	instances := flag.Int("instances", 10000, "how many servers it lists")
	latency := flag.Duration("latency", 0, "how long it takes over each answer")
	rate := flag.Float64("rate", 0, "answers a second; 0 is any number")
	burst := flag.Float64("burst", 0, "how many more may be saved up")
	flag.Parse()
	limit := &bucket{rate: *rate, burst: *burst, tokens: *burst, filled: time.Now()}
	addresses := make([]string, *instances)
	for i := range addresses {
		n := 10<<24 + 58<<16 + 1<<8 + 1 + i
		addresses[i] = net.IPv4(byte(n>>24), byte(n>>16), byte(n>>8), byte(n)).String()
	}
	listing, _ := json.Marshal(addresses)
	body := []byte(`{"cpu":"61%","service":"UserService","memory":"4%"}`)
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/_stats":
			fmt.Fprintf(w, "%d %d %d", limit.served, limit.refusals, limit.tooSoon)
			return
		case r.URL.Path == "/servers":
			w.Write(listing)
			return
		case *latency > 0:
			time.Sleep(*latency)
		}
		if *rate > 0 && !limit.take() {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Write(body)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	panic(http.Serve(listener, http.HandlerFunc(handler)))
}
