package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Larger than a bundle of 256 entries of 65,535 bytes.
const maxResourceBytes = 20_000_000

// source reads a log's resources by their C2SP paths: "checkpoint", "tile/0/000", "tile/entries/000.p/7".
type source interface {
	read(path string) ([]byte, error)
}

// openSource is a log behind a URL, or one that lies in a folder.
func openSource(where string, headers []string) (source, error) {
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		return folder(where), nil
	}
	header := http.Header{}
	for _, line := range headers {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			return nil, fmt.Errorf("%q is no header", line)
		}
		header.Set(name, value)
	}
	return &server{strings.TrimSuffix(where, "/"), header}, nil
}

type folder string

func (f folder) read(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
}

type server struct {
	prefix string
	header http.Header
}

func (s *server) read(path string) ([]byte, error) {
	request, err := http.NewRequest(http.MethodGet, s.prefix+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header = s.header.Clone()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResourceBytes))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, response.Status)
	}
	// as C2SP tlog-tiles and tlog-checkpoint ask
	wanted := "application/octet-stream"
	if path == "checkpoint" {
		wanted = "text/plain; charset=utf-8"
	}
	if got := response.Header.Get("Content-Type"); got != wanted {
		return nil, fmt.Errorf("%s: served as %q, not %q", path, got, wanted)
	}
	if path != "checkpoint" && !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
		return nil, fmt.Errorf("%s: not served as immutable", path)
	}
	return body, nil
}
