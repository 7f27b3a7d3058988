package cache_test

import (
	"fmt"

	"github.com/corsgate/corsgate/cache"
)

func ExampleLRU() {
	c := cache.New(1000) // entries, and 640 bytes for each of them
	key := []byte("https://app.example.com PUT authorization")
	c.Add(key, []byte("Access-Control-Allow-Methods: PUT\r\n"))
	value, ok := c.Get(key)
	fmt.Printf("%q %t\n", value, ok)
	_, ok = c.Get([]byte("https://other.example PUT"))
	fmt.Println(ok, c.Len())
	// Output:
	// "Access-Control-Allow-Methods: PUT\r\n" true
	// false 1
}
