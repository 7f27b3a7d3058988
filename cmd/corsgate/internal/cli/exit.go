package cli

import (
	"fmt"
	"io"

	"github.com/corsgate/corsgate/cmd/corsgate/internal/source"
)

// Exit statuses. explain and probe report a negative result by Failed.
const (
	Done   = 0
	Failed = 1 // it failed while serving, or before: a port in use, for example
	Usage  = 2 // invalid usage or configuration: trying again is of no use
)

// An ExitError ends the process with a status.
type ExitError struct {
	Status int
	Err    error // nil: everything there is to say was printed
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Status)
	}
	return e.Err.Error()
}

func (e *ExitError) Unwrap() error { return e.Err }

// Fail returns an error that ends the process with Failed.
func Fail(err error) error { return &ExitError{Failed, err} }

// Misuse returns an error that ends the process with Usage.
func Misuse(err error) error { return &ExitError{Usage, err} }

// Exit returns an error that ends the process with status, after everything there is to say was printed.
func Exit(status int) error { return &ExitError{Status: status} }

// Complain prints an error. Problems of a configuration begin with their place, all other
// errors with the program's name.
func Complain(stderr io.Writer, err error) {
	if problems, ok := source.Problems(err); ok && len(problems) > 0 && problems[0].Line > 0 {
		fmt.Fprintln(stderr, err)
		return
	}
	fmt.Fprintf(stderr, "corsgate: %v\n", err)
}
