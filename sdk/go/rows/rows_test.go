package rows

import (
	"encoding/binary"
	"math"
	"reflect"
	"testing"
)

// packed returns the cells of rows as the host packs them.
func packed(cells ...any) []byte {
	var data []byte
	little := binary.LittleEndian
	for _, cell := range cells {
		switch cell := cell.(type) {
		case nil:
			data = append(data, tagNull)
		case int64:
			data = little.AppendUint64(append(data, tagInteger), uint64(cell))
		case float64:
			data = little.AppendUint64(append(data, tagReal), math.Float64bits(cell))
		case string:
			data = little.AppendUint32(append(data, tagText), uint32(len(cell)))
			data = append(data, cell...)
		case []byte:
			data = little.AppendUint32(append(data, tagBlob), uint32(len(cell)))
			data = append(data, cell...)
		}
	}
	return data
}

func TestRowsOfEveryKindOfCellAreRead(t *testing.T) {
	data := packed(int64(-1), "Zoë", nil, int64(math.MaxInt64), "", 0.5)
	unpacked, err := Unpack(3, 2, data)
	wanted := []Row{{int64(-1), "Zoë", nil}, {int64(math.MaxInt64), "", 0.5}}
	if err != nil || !reflect.DeepEqual(unpacked, wanted) {
		t.Fatalf("%v, %v", unpacked, err)
	}
	blob := packed([]byte{0, 255})
	unpacked, err = Unpack(1, 1, blob)
	clear(blob)
	if err != nil || !reflect.DeepEqual(unpacked, []Row{{[]byte{0, 255}}}) {
		t.Fatalf("%v, %v", unpacked, err)
	}
	if unpacked, err = Unpack(3, 0, nil); err != nil || len(unpacked) != 0 {
		t.Fatalf("%v, %v", unpacked, err)
	}
}

func TestBuffersThatAreNoRowsAreRefused(t *testing.T) {
	for _, fault := range []struct {
		columns, count uint32
		data           []byte
		said           string
	}{
		{1, 1, []byte{9}, "no cell has the tag 9"},
		{1, 1, packed("text")[:7], "a cell needs 4 bytes, and 2 are left"},
		{1, 1, packed(int64(1))[:8], "a cell needs 8 bytes, and 7 are left"},
		{1, 1, packed(nil, nil), "1 bytes are left after 1 rows"},
		{math.MaxUint32, math.MaxUint32, nil, "0 bytes do not hold 18446744065119617025 cells"},
	} {
		unpacked, err := Unpack(fault.columns, fault.count, fault.data)
		if unpacked != nil || err == nil || err.Error() != fault.said {
			t.Errorf("%v, %v instead of %s", unpacked, err, fault.said)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(uint32(2), uint32(1), packed("a", int64(1)))
	f.Fuzz(func(t *testing.T, columns, count uint32, data []byte) {
		unpacked, err := Unpack(columns, count, data)
		if err == nil && len(unpacked) != int(count) {
			t.Fatalf("%d rows instead of %d", len(unpacked), count)
		}
	})
}
