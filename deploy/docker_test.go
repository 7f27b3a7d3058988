package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instructions returns those of a Dockerfile, one a line, by stage: what follows a FROM.
func instructions(text string) (stages [][]string) {
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "FROM "):
			stages = append(stages, []string{line})
		default:
			stages[len(stages)-1] = append(stages[len(stages)-1], line)
		}
	}
	return stages
}

// TestDockerfile looks at what can be looked at without a container engine: .ci/packages runs what comes of it.
func TestDockerfile(t *testing.T) {
	stages := instructions(read(t, "Dockerfile"))
	if len(stages) != 2 {
		t.Fatalf("%d stages", len(stages))
	}
	build, image := stages[0], stages[1]
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))[1]
	if want := "FROM golang:" + version + " AS build"; build[0] != want {
		t.Errorf("%s, want %s", build[0], want)
	}
	if image[0] != "FROM gcr.io/distroless/static-debian12:nonroot" { // its user is 65532, and it has no shell
		t.Error(image[0])
	}
	run := ""
	for _, line := range slices.Concat(build[1:], image[1:]) {
		word, rest, _ := strings.Cut(line, " ")
		if !slices.Contains([]string{"ARG", "WORKDIR", "COPY", "RUN", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}, word) {
			t.Errorf("%s: no such instruction is expected", line)
		}
		if word == "RUN" {
			run += rest + "\n"
		}
		if word != "COPY" {
			continue
		}
		var files []string
		made := false
		for _, f := range strings.Fields(rest) {
			if f == "--from=build" {
				made = true
			} else if !strings.HasPrefix(f, "--") {
				files = append(files, f)
			}
		}
		for _, f := range files[:len(files)-1] {
			if _, err := os.Stat("../" + f); !made && err != nil {
				t.Errorf("%s: %v", line, err)
			} else if made && !strings.Contains(run, "-o "+f+" ") && !strings.Contains(run, "mkdir "+f+"\n") {
				t.Errorf("%s: nothing makes %s", line, f)
			}
		}
	}
	if !strings.Contains(run, "CGO_ENABLED=0 go build -trimpath") {
		t.Errorf("RUN %s: not as a package is built", run)
	}
	for _, want := range []string{"COPY --from=build /corsgate /corsgate", `ENTRYPOINT ["/corsgate"]`} {
		if !slices.Contains(image, want) {
			t.Errorf("the image lacks %s", want)
		}
	}
}
