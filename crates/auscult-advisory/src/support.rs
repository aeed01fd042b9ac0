//! What a snapshot stores of products: their release cycles, and until when each is maintained.

use jiff::civil::Date;

use crate::codec::{Decoded, Reader, Short, Writer};

/// When the maintenance of a cycle ends, as a source tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It tells nothing that could be relied on.
    NotTold,
    /// It has ended, on a day that is not told.
    Ended,
    /// It has not ended, and no day is told.
    Open,
    /// From this day on the cycle is not maintained.
    On(Date),
}

/// A release cycle: all releases that are maintained together, such as `4.4` of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cycle {
    pub(crate) name: String,
    pub(crate) end: End,
    /// Until when others, or the maker for money, maintain it further.
    pub(crate) extended_until: Option<Date>,
    /// The newest release; empty where none is told.
    pub(crate) latest: String,
}

/// A product with its cycles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) name: String,
    /// Under what it is looked up: `c:vendor:product`, `p:pkg:…` without version, `n:name`.
    pub(crate) keys: Vec<String>,
    pub(crate) cycles: Vec<Cycle>,
}

impl Cycle {
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.text(&self.name);
        let (code, day) = match self.end {
            End::NotTold => (0, None),
            End::Ended => (1, None),
            End::Open => (2, None),
            End::On(day) => (3, Some(day)),
        };
        writer.byte(code);
        put_day(writer, day);
        put_day(writer, self.extended_until);
        writer.text(&self.latest);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Decoded<Self> {
        let name = reader.string()?;
        let end = match (reader.byte()?, read_day(reader)?) {
            (0, None) => End::NotTold,
            (1, None) => End::Ended,
            (2, None) => End::Open,
            (3, Some(day)) => End::On(day),
            _ => return Err(Short),
        };
        Ok(Self { name, end, extended_until: read_day(reader)?, latest: reader.string()? })
    }
}

/// A day in ISO 8601, or an empty text.
fn put_day(writer: &mut Writer, day: Option<Date>) {
    writer.text(&day.map(|day| day.to_string()).unwrap_or_default());
}

fn read_day(reader: &mut Reader<'_>) -> Decoded<Option<Date>> {
    match reader.text()? {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| Short),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::{Cycle, End};
    use crate::codec::{Reader, Writer};

    #[test]
    fn cycles_come_back_and_half_of_one_does_not() {
        for end in [End::NotTold, End::Ended, End::Open, End::On(date(2022, 2, 3))] {
            let cycle = Cycle {
                name: "4.4".to_owned(),
                end,
                extended_until: Some(date(2027, 1, 1)),
                latest: "4.4.302".to_owned(),
            };
            let mut writer = Writer::default();
            cycle.write(&mut writer);
            assert_eq!(Cycle::read(&mut Reader::new(&writer.bytes)).unwrap(), cycle);
            for length in 0..writer.bytes.len() {
                assert!(Cycle::read(&mut Reader::new(&writer.bytes[..length])).is_err());
            }
        }
    }
}
