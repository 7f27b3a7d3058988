package edge

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/pipe"
)

// TestPipesRelieve: content that its handler has not read for a while is dropped, the largest first, and its request is answered with
// FaultMemory; one whose content is being read goes on.
func TestPipesRelieve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all pipes
		begin := func(text string, sized bool, content int) *pipe.Pipe {
			p := pipe.New(nil, func() {})
			p.BeginLate([]byte(text), sized, false)
			all.add(p)
			p.Feed(make([]byte, content), false, nil)
			return p
		}
		chunked := begin("PUT /a HTTP/1.1\r\n", false, 100_000)
		sized := begin("PUT /b HTTP/1.1\r\nContent-Length: 90000\r\n", true, 90_000)
		whole := begin("PUT /c HTTP/1.1\r\nContent-Length: 80000\r\n", true, 40_000)
		whole.Feed(make([]byte, 40_000), true, nil)
		moving := begin("PUT /d HTTP/1.1\r\n", false, 200_000)
		small := begin("PUT /e HTTP/1.1\r\n", false, 100)
		gone := begin("PUT /f HTTP/1.1\r\n", false, 200_000)
		all.remove(gone)
		waits := func(age time.Duration) (sum int64) {
			var h Held
			all.Held(age, &h)
			for _, n := range h {
				sum += n
			}
			return sum
		}
		time.Sleep(time.Second)
		if _, err := io.ReadFull(moving, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if got := waits(time.Second); got < 270_000 || got > 600_000 {
			t.Errorf("content that has waited for a second takes %d bytes, want that of four", got)
		}
		if got := waits(time.Second + 1); got != 0 {
			t.Errorf("content that has waited for longer takes %d bytes, want 0", got)
		}
		before := waits(0)
		ended, freed := all.Relieve(time.Second, 50_000, 1<<40)
		if ended != 3 || before-waits(0) != freed {
			t.Errorf("%d have ended, with %d bytes, and %d are left of %d; want 3", ended, freed, waits(0), before)
		}
		for name, p := range map[string]*pipe.Pipe{"chunked": chunked, "sized": sized, "whole": whole} {
			p.Feed(make([]byte, 10), false, nil) // which were on their way
			if p.Spent() < 80_000 {
				t.Errorf("%s: the window of what was dropped is not given back", name)
			}
			head, err := io.ReadAll(p)
			if !errors.Is(err, FaultMemory) || len(head) > 80 || len(head) < len("PUT /a HTTP/1.1\r\n\r\n") {
				t.Errorf("%s: read %d bytes, %v; want the head, and that memory is short", name, len(head), err)
			}
		}
		if ended, _ := all.Relieve(0, 1, 1); ended != 1 {
			t.Errorf("%d have ended for one byte, want 1", ended)
		}
		if ended, _ := all.Relieve(0, 1, 1<<40); ended != 1 {
			t.Errorf("%d have ended at last, want 1", ended)
		}
		for _, p := range []*pipe.Pipe{moving, small} {
			if _, err := io.ReadAll(p); !errors.Is(err, FaultMemory) {
				t.Errorf("%v, want that memory is short", err)
			}
		}
		if ended, freed := all.Relieve(0, 1, 1<<40); ended != 0 || freed != 0 {
			t.Errorf("%d have ended twice", ended)
		}
	})
}
