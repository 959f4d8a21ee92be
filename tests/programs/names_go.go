// SPDX-License-Identifier: Apache-2.0
// A Go program with methods, closures, generics and inlining, for its line table.
package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

type cart struct{ prices []int }

func (c *cart) total() (sum int) {
	for _, price := range c.prices {
		sum += twice(price)
	}
	return sum
}

func twice(value int) int { return inner(value) + inner(value+1) }

func inner(value int) int { return value * 23 }

//go:noinline
func keep[T int | string](values []T, wanted func(T) bool) (kept []T) {
	for _, value := range values {
		if wanted(value) {
			kept = append(kept, value)
		}
	}
	return kept
}

func main() {
	shop := &cart{prices: []int{len(os.Args), 2, 3}}
	sort.Slice(shop.prices, func(i, j int) bool { return shop.prices[i] > shop.prices[j] })
	words := keep(os.Args, func(word string) bool { return strings.Contains(word, "a") })
	fmt.Println(shop.total(), words, keep(shop.prices, func(price int) bool { return price > 1 }))
}
