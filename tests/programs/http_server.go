// usage: http_server serve PORT [CERTIFICATE KEY]: answers /status/N with that status, all else with 200; says "ready".
// usage: http_server get COUNT URL: gets the URL so often on kept connections by four goroutines; says "ready", and begins
// when a line comes in.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
)

func serve(port string, certificate []string) {
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		if strings.HasPrefix(request.URL.Path, "/status/") {
			status, _ := strconv.Atoi(request.URL.Path[len("/status/"):])
			writer.WriteHeader(status)
		}
		io.WriteString(writer, "ok")
	})
	fmt.Println("ready")
	if len(certificate) == 2 {
		http.ListenAndServeTLS("127.0.0.1:"+port, certificate[0], certificate[1], nil)
	} else {
		http.ListenAndServe("127.0.0.1:"+port, nil)
	}
}

func get(count int, url string) {
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	var group sync.WaitGroup
	work := make(chan int)
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for range work {
				response, err := http.Get(url)
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				io.Copy(io.Discard, response.Body)
				response.Body.Close()
			}
		}()
	}
	for i := 0; i < count; i++ {
		work <- i
	}
	close(work)
	group.Wait()
	fmt.Println("done")
	bufio.NewReader(os.Stdin).ReadString('\n')
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2], os.Args[3:])
	} else {
		count, _ := strconv.Atoi(os.Args[2])
		get(count, os.Args[3])
	}
}
