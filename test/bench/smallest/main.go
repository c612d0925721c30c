// Command smallest is the smallest program over client-go: what starting one
// costs before it does anything of its own.
package main

import (
	"fmt"
	"os"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func main() {
	if _, err := kubernetes.NewForConfig(&rest.Config{Host: "https://127.0.0.1:1"}); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}
