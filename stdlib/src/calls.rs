//! System calls as a person reads them: the kind of each argument and of the result. The code generator takes from it what memory an argument
//! leads to, the output how each prints. Arguments are those of the manual pages, section 2.

mod flags;
mod table;

pub use flags::{Names, names_of};

/// What an argument or a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A signed number of 32 bits.
    Int,
    /// An unsigned number of 32 bits.
    Uint,
    /// A signed number of 64 bits.
    Long,
    /// An unsigned number of 64 bits.
    Size,
    /// A number in hexadecimal.
    Hex,
    /// An address that nothing more is said of.
    Ptr,
    /// Permissions, in octal.
    Mode,
    /// A descriptor, or `AT_FDCWD`.
    Dir,
    /// A signal.
    Signal,
    /// A string that ends in NUL.
    Text,
    /// Bytes that the call reads; their number is the argument of that number.
    In(u8),
    /// Bytes that the call writes; their number is its result.
    Out,
    /// Names of bits.
    Flags(&'static str),
    /// The name of one value.
    One(&'static str),
    /// A structure that the call reads.
    Struct(Shape),
    /// A structure that the call writes.
    Filled(Shape),
    /// As many structures as the argument of that number says, which the call reads.
    Structs(Shape, u8),
    /// As many as the result says, which it writes.
    FilledMany(Shape),
    /// Bytes of a socket's address, which the call reads; their number is the argument of that number.
    Address(u8),
    /// The call has no result: it does not return.
    Never,
}

/// A structure that prints with its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the structure of its name")]
pub enum Shape {
    Timespec,
    Timeval,
    Stat,
    Pollfd,
    Iovec,
    Sigset,
    Rlimit,
    EpollEvent,
    Int,
    IntPair,
    Winsize,
}

impl Shape {
    /// Bytes of one.
    pub fn size(self) -> u8 {
        match self {
            Shape::Timespec | Shape::Timeval | Shape::Iovec | Shape::Rlimit => 16,
            Shape::Stat => 144,
            Shape::Pollfd | Shape::Sigset | Shape::IntPair | Shape::Winsize => 8,
            Shape::EpollEvent => 12,
            Shape::Int => 4,
        }
    }
}

/// A call: its arguments and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    /// In order.
    pub args: Vec<Kind>,
    /// What it returns.
    pub result: Kind,
}

/// Memory that an argument leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Number of the argument.
    pub arg: u8,
    /// How much is there.
    pub length: Length,
}

/// Number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Up to a NUL.
    Text,
    /// So many.
    Fixed(u8),
    /// An argument times a size.
    Arg(u8, u8),
    /// The result times a size.
    Result(u8),
}

/// Pieces of memory of one call that are looked at.
pub const PIECES: usize = 3;

/// One past the highest number of a system call of x86-64.
pub const NUMBERS: u32 = 512;

/// What is known of a call by its number; nothing of those that are rare.
pub fn call(number: i64) -> Option<Call> {
    let name = crate::constants::syscall_name(number)?;
    let at = table::CALLS.binary_search_by_key(&name, |row| row.0).ok()?;
    let (name, text) = table::CALLS[at];
    let (args, result) = text.split_once('=').map_or((text, "long"), |(a, r)| (a, r.trim()));
    Some(Call { name, args: args.split_whitespace().filter_map(kind).collect(), result: kind(result).unwrap_or(Kind::Long) })
}

impl Call {
    /// The memory that its arguments lead to, at most [`PIECES`].
    pub fn memory(&self) -> Vec<Memory> {
        let piece = |(i, kind): (usize, &Kind)| {
            let length = match *kind {
                Kind::Text => Length::Text,
                Kind::In(n) | Kind::Address(n) => Length::Arg(n, 1),
                Kind::Out => Length::Result(1),
                Kind::Struct(s) | Kind::Filled(s) => Length::Fixed(s.size()),
                Kind::Structs(s, n) => Length::Arg(n, s.size()),
                Kind::FilledMany(s) => Length::Result(s.size()),
                _ => return None,
            };
            Some(Memory { arg: i as u8, length })
        };
        self.args.iter().enumerate().filter_map(piece).take(PIECES).collect()
    }
}

/// A kind by its word in the table.
fn kind(word: &'static str) -> Option<Kind> {
    let (head, rest) = word.split_once(':').unwrap_or((word, ""));
    let number = |text: &str| text.parse::<u8>().ok();
    Some(match head {
        "int" | "fd" | "pid" => Kind::Int,
        "uint" => Kind::Uint,
        "long" => Kind::Long,
        "size" => Kind::Size,
        "hex" => Kind::Hex,
        "ptr" => Kind::Ptr,
        "mode" => Kind::Mode,
        "dir" => Kind::Dir,
        "signal" => Kind::Signal,
        "text" => Kind::Text,
        "in" => Kind::In(number(rest)?),
        "out" => Kind::Out,
        "flags" => Kind::Flags(rest),
        "one" => Kind::One(rest),
        "struct" => Kind::Struct(shape(rest)?),
        "filled" => Kind::Filled(shape(rest)?),
        "structs" => {
            let (name, n) = rest.split_once(':')?;
            Kind::Structs(shape(name)?, number(n)?)
        }
        "filledmany" => Kind::FilledMany(shape(rest)?),
        "address" => Kind::Address(number(rest)?),
        "never" => Kind::Never,
        _ => return None,
    })
}

fn shape(name: &str) -> Option<Shape> {
    Some(match name {
        "timespec" => Shape::Timespec,
        "timeval" => Shape::Timeval,
        "stat" => Shape::Stat,
        "pollfd" => Shape::Pollfd,
        "iovec" => Shape::Iovec,
        "sigset" => Shape::Sigset,
        "rlimit" => Shape::Rlimit,
        "epoll_event" => Shape::EpollEvent,
        "int" => Shape::Int,
        "ints" => Shape::IntPair,
        "winsize" => Shape::Winsize,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_table_is_understood() {
        for pair in table::CALLS.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} stands behind {}", pair[1].0, pair[0].0);
        }
        let known = |name: &str| (0..i64::from(NUMBERS)).find(|n| crate::constants::syscall_name(*n) == Some(name));
        for (name, text) in table::CALLS {
            let number = known(name).unwrap_or_else(|| panic!("there is no call {name}"));
            for word in text.split(['=', ' ']).filter(|w| !w.is_empty()) {
                let kind = kind(word).unwrap_or_else(|| panic!("{name}: {word}"));
                if let Kind::Flags(set) | Kind::One(set) = kind {
                    assert!(names_of(set).is_some(), "{name}: no set {set}");
                }
            }
            let call = call(number).unwrap();
            assert!(call.args.len() <= 6, "{name}");
            for m in call.memory() {
                assert!(!matches!(m.length, Length::Arg(n, _) if usize::from(n) >= call.args.len()), "{name}");
            }
        }
    }

    #[test]
    fn memory_of_a_call() {
        let write = call(1).unwrap();
        assert_eq!((write.name, write.memory()), ("write", vec![Memory { arg: 1, length: Length::Arg(2, 1) }]));
        let rename = call(82).unwrap();
        assert_eq!(rename.memory().len(), 2);
    }

    #[test]
    fn names_have_values() {
        for (set, names) in flags::SETS {
            for name in names.split_whitespace() {
                assert!(crate::constants::lookup(name).is_some(), "{set}: {name}");
            }
        }
    }
}
