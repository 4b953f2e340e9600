//! The data of a core module in few segments. Go's linker leaves out every run of zeros, and so
//! makes tens of thousands of segments: more than a host takes of any component.

use anyhow::{Context, bail};
use wasm_encoder::{DataCountSection, DataSection, Module, RawSection};
use wasmparser::{Data, DataKind, Operator, Parser, Payload};

/// How many zeros between two segments are written rather than beginning another one. A larger
/// number makes no fewer segments that matter.
const ZEROS_MAX: usize = 64;

/// A piece of the first memory.
struct Segment {
    offset: usize,
    bytes: Vec<u8>,
}

impl Segment {
    fn end(&self) -> usize {
        self.offset + self.bytes.len()
    }
}

/// Returns the module with segments joined that lie near each other.
pub(super) fn joined(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut written = Module::new();
    // The count of segments stands before the code, and the segments after it.
    let mut segments = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::DataSection(section) = payload? {
            let read = section.into_iter().map(|data| segment(&data?));
            segments = join(read.collect::<Result<_, _>>()?)?;
        }
    }
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        match &payload {
            Payload::DataSection(_) => {
                let mut section = DataSection::new();
                for Segment { offset, bytes } in &segments {
                    let offset =
                        wasm_encoder::ConstExpr::i32_const(u32::try_from(*offset)?.cast_signed());
                    section.active(0, &offset, bytes.iter().copied());
                }
                written.section(&section);
            }
            Payload::DataCountSection { .. } => {
                let count = u32::try_from(segments.len())?;
                written.section(&DataCountSection { count });
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let data = module.get(range).context("a section is cut off")?;
                    written.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(written.finish())
}

fn segment(data: &Data<'_>) -> anyhow::Result<Segment> {
    let DataKind::Active {
        memory_index: 0,
        offset_expr,
    } = &data.kind
    else {
        bail!("it has a segment of data that is not of its one memory");
    };
    let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
        bail!("it has a segment of data whose place is not a number");
    };
    Ok(Segment {
        offset: usize::try_from(value.cast_unsigned())?,
        bytes: data.data.to_vec(),
    })
}

fn join(mut segments: Vec<Segment>) -> anyhow::Result<Vec<Segment>> {
    segments.sort_by_key(|segment| segment.offset);
    let mut joined: Vec<Segment> = Vec::new();
    for segment in segments {
        let Some(last) = joined.last_mut() else {
            joined.push(segment);
            continue;
        };
        match segment.offset.checked_sub(last.end()) {
            None => bail!("it has two segments of data at the same place"),
            Some(zeros) if zeros <= ZEROS_MAX => {
                last.bytes.resize(last.bytes.len() + zeros, 0);
                last.bytes.extend(segment.bytes);
            }
            Some(_) => joined.push(segment),
        }
    }
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(module: &[u8]) -> Vec<(usize, Vec<u8>)> {
        let mut found = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            if let Payload::DataSection(section) = payload.unwrap() {
                for data in section {
                    let Segment { offset, bytes } = segment(&data.unwrap()).unwrap();
                    found.push((offset, bytes));
                }
            }
        }
        found
    }

    #[test]
    fn segments_near_each_other_are_one_and_the_memory_is_the_same() {
        let text = r#"(module
            (memory (export "memory") 1)
            (data (i32.const 200) "far")
            (data (i32.const 8) "a")
            (data (i32.const 11) "bc")
            (func (export "f") (result i32) i32.const 7))"#;
        let module = joined(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!(
            segments(&module),
            [(8, b"a\0\0bc".to_vec()), (200, b"far".to_vec())]
        );
        wasmparser::validate(&module).unwrap();
        let without = joined(&wat::parse_str("(module)").unwrap()).unwrap();
        assert_eq!(without, wat::parse_str("(module)").unwrap());
    }

    #[test]
    fn what_is_no_data_of_one_memory_at_its_own_place_is_refused() {
        for (data, said) in [
            (
                r#"(data "passive")"#,
                "it has a segment of data that is not of its one memory",
            ),
            (
                r#"(global i32 i32.const 1) (data (global.get 0) "a")"#,
                "it has a segment of data whose place is not a number",
            ),
            (
                r#"(data (i32.const 8) "ab") (data (i32.const 9) "c")"#,
                "it has two segments of data at the same place",
            ),
        ] {
            let module = wat::parse_str(format!("(module (memory 1) {data})")).unwrap();
            assert_eq!(joined(&module).unwrap_err().to_string(), said);
        }
    }
}
