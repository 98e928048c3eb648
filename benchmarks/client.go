// A small Go client for the same job: the list, every instance, parsed and in order.
//
//	client URL CONCURRENCY
//
// prints the seconds it took, start-up apart, how many instances answered, the concurrency, and the
// seconds of CPU.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type stats struct{ Cpu, Service, Memory string }

type instance struct {
	ip          netip.Addr
	service     string
	cpu, memory int
	ok          bool
}

func percent(text string) (int, bool) {
	if len(text) < 2 || text[len(text)-1] != '%' {
		return 0, false
	}
	n, err := strconv.Atoi(text[:len(text)-1])
	return n, err == nil && n >= 0 && n <= 100
}

func fetch(client *http.Client, url string) ([]byte, error) {
	response, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return nil, fmt.Errorf("answered %d", response.StatusCode)
	}
	return io.ReadAll(response.Body)
}

func cpuSeconds() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

func main() {
	url := os.Args[1]
	concurrency, _ := strconv.Atoi(os.Args[2])
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{MaxIdleConns: concurrency, MaxIdleConnsPerHost: concurrency},
	}
	began, cpuBefore := time.Now(), cpuSeconds()
	body, err := fetch(client, url+"/servers")
	if err != nil {
		panic(err)
	}
	var listed []string
	if err := json.Unmarshal(body, &listed); err != nil {
		panic(err)
	}
	fleet := make([]instance, len(listed))
	for i, text := range listed {
		fleet[i].ip = netip.MustParseAddr(text)
	}
	sort.Slice(fleet, func(a, b int) bool { return fleet[a].ip.Less(fleet[b].ip) })
	next := make(chan int, concurrency)
	var workers sync.WaitGroup
	for i := 0; i < concurrency; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for index := range next {
				one := &fleet[index]
				body, err := fetch(client, url+"/"+one.ip.String())
				var said stats
				if err != nil || json.Unmarshal(body, &said) != nil {
					continue
				}
				cpu, cpuOk := percent(said.Cpu)
				memory, memoryOk := percent(said.Memory)
				one.service, one.cpu, one.memory = said.Service, cpu, memory
				one.ok = cpuOk && memoryOk
			}
		}()
	}
	for index := range fleet {
		next <- index
	}
	close(next)
	workers.Wait()
	took := time.Since(began)
	cpu := cpuSeconds() - cpuBefore
	answered := 0
	for _, one := range fleet {
		if one.ok {
			answered++
		}
	}
	fmt.Printf("%.6f %d %d %.6f\n", took.Seconds(), answered, concurrency, cpu)
}
