// Command miniredis runs miniredis until its standard input ends. It prints its address, and then "ok" after each line
// of input, which is the password that it asks for from then on.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/alicebob/miniredis/v2"
)

func main() {
	m, err := miniredis.Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(m.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println("ok") {
		m.RequireAuth(in.Text())
	}
}
