package main

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// tilePath is the C2SP path of a tile. The checksum database writes its tiles the same way, bytes and numbers alike, but
// has their height in the path, as "tile/8/0/000" where C2SP has "tile/0/000", and calls the entries "data".
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// tileReader gives tlog.TileHashReader our tiles; that believes them only once they lead to the tree's hash.
type tileReader struct {
	source source
	cache  map[string][]byte
}

func (r *tileReader) Height() int                     { return tileHeight }
func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := tilePath(tile)
		if r.cache[path] == nil {
			bytes, err := r.source.read(path)
			if err != nil {
				return nil, err
			}
			r.cache[path] = bytes
		}
		data[i] = r.cache[path]
	}
	return data, nil
}

// tilesOf lists the tiles of one level in a tree of so many hashes there: the full ones, and the partial one at the end.
func tilesOf(level int, hashes int64) []tlog.Tile {
	var tiles []tlog.Tile
	for n := int64(0); n*tileWidth < hashes; n++ {
		tiles = append(tiles, tlog.Tile{H: tileHeight, L: level, N: n, W: int(min(tileWidth, hashes-n*tileWidth))})
	}
	return tiles
}

// parseBundle splits an entry bundle: each entry has its length before it, in two big-endian bytes.
func parseBundle(bundle []byte, width int) ([][]byte, error) {
	var entries [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 {
			return nil, fmt.Errorf("a length is cut short")
		}
		length := int(binary.BigEndian.Uint16(bundle))
		if len(bundle) < 2+length {
			return nil, fmt.Errorf("entry %d is cut short", len(entries))
		}
		entries = append(entries, bundle[2:2+length])
		bundle = bundle[2+length:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%d entries, not %d", len(entries), width)
	}
	return entries, nil
}
