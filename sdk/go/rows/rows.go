// Package rows reads the rows of a statement, which the host packs into one buffer.
package rows

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The tags of cells, as wares:platform/sql has them.
const (
	tagNull = iota
	tagInteger
	tagReal
	tagText
	tagBlob
)

// Row has one value for each column: nil, int64, float64, string or []byte.
type Row []any

// Unpack returns the rows in a buffer. They are copies: the buffer may change.
func Unpack(columns, count uint32, data []byte) ([]Row, error) {
	// A cell has one byte at least.
	if cells := uint64(columns) * uint64(count); cells > uint64(len(data)) {
		return nil, fmt.Errorf("%d bytes do not hold %d cells", len(data), cells)
	}
	reader := reader{data}
	unpacked := make([]Row, 0, count)
	for range count {
		row := make(Row, columns)
		for column := range row {
			cell, err := reader.cell()
			if err != nil {
				return nil, err
			}
			row[column] = cell
		}
		unpacked = append(unpacked, row)
	}
	if len(reader.rest) != 0 {
		return nil, fmt.Errorf("%d bytes are left after %d rows", len(reader.rest), count)
	}
	return unpacked, nil
}

type reader struct{ rest []byte }

func (reader *reader) cell() (any, error) {
	tag, err := reader.take(1)
	if err != nil {
		return nil, err
	}
	switch tag[0] {
	case tagNull:
		return nil, nil
	case tagInteger:
		number, err := reader.number()
		return int64(number), err
	case tagReal:
		number, err := reader.number()
		return math.Float64frombits(number), err
	case tagText:
		bytes, err := reader.bytes()
		return string(bytes), err
	case tagBlob:
		bytes, err := reader.bytes()
		return append([]byte{}, bytes...), err
	}
	return nil, fmt.Errorf("no cell has the tag %d", tag[0])
}

func (reader *reader) number() (uint64, error) {
	bytes, err := reader.take(8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(bytes), nil
}

func (reader *reader) bytes() ([]byte, error) {
	length, err := reader.take(4)
	if err != nil {
		return nil, err
	}
	return reader.take(uint64(binary.LittleEndian.Uint32(length)))
}

func (reader *reader) take(count uint64) ([]byte, error) {
	if count > uint64(len(reader.rest)) {
		return nil, fmt.Errorf("a cell needs %d bytes, and %d are left", count, len(reader.rest))
	}
	taken := reader.rest[:count]
	reader.rest = reader.rest[count:]
	return taken, nil
}
