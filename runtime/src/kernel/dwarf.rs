//! Debug information of user binaries (DWARF): parameters of functions, structures, places of source lines.

use super::split;
use gimli::{AttributeValue, DebuggingInformationEntry, EndianArcSlice, Reader, RunTimeEndian, UnitOffset, constants as dw};
use lang::kernel::{Field, Layout};
use lang::types::{AddrSpace, Int, Type};
use object::{Object, ObjectSection};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) type Slice = EndianArcSlice<RunTimeEndian>;
pub(super) type Dwarf = gimli::Dwarf<Slice>;
pub(super) type Unit = gimli::Unit<Slice>;
/// A unit with the sections that it refers to: parts of a split binary have their own.
type At = (Arc<Dwarf>, Unit);
type Die = DebuggingInformationEntry<Slice, usize>;

/// Types within types that are followed.
const MAX_DEPTH: u32 = 24;
/// Registers that arguments are passed in.
const REGISTERS: u32 = 6;
/// Where distributions put debug information.
const DEBUG_DIR: &str = "/usr/lib/debug";

/// The debug information of one binary, with its named things indexed.
pub(super) struct Debug {
    units: Vec<At>,
    functions: HashMap<String, (usize, UnitOffset)>,
    records: HashMap<String, (usize, UnitOffset)>,
    enums: HashMap<String, (usize, UnitOffset)>,
}

impl Debug {
    /// Reads it from the binary itself or from the file that holds it; `None` if there is none.
    pub fn read(path: &Path, dirs: &[PathBuf]) -> Option<Debug> {
        let data = std::fs::read(path).ok()?;
        let file = object::File::parse(&*data).ok()?;
        if file.section_by_name(".debug_info").is_some() {
            return Debug::of(&file, path);
        }
        for candidate in separate(path, &file, dirs) {
            let Ok(data) = std::fs::read(&candidate) else { continue };
            let Ok(file) = object::File::parse(&*data) else { continue };
            if file.section_by_name(".debug_info").is_some() {
                return Debug::of(&file, path);
            }
        }
        None
    }

    fn of(file: &object::File<'_>, path: &Path) -> Option<Debug> {
        let dwarf = Arc::new(Dwarf::load(|id| section(file, id.name())).ok()?);
        let mut d = Debug { units: Vec::new(), functions: HashMap::new(), records: HashMap::new(), enums: HashMap::new() };
        let mut package = None;
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            if unit.dwo_id.is_some() {
                let package = package.get_or_insert_with(|| split::package(path));
                if let Some(found) = split::parts(&dwarf, &unit, package.as_ref(), path) {
                    found.into_iter().for_each(|unit| d.index(unit));
                    // What is left in the binary are the source lines.
                    d.units.push((dwarf.clone(), unit));
                    continue;
                }
            }
            d.index((dwarf.clone(), unit));
        }
        Some(d)
    }

    /// Notes where a unit's named things are.
    fn index(&mut self, unit: At) {
        let number = self.units.len();
        let mut entries = unit.1.entries();
        while let Ok(Some(die)) = entries.next_dfs() {
            let list = match die.tag() {
                dw::DW_TAG_subprogram => &mut self.functions,
                dw::DW_TAG_structure_type | dw::DW_TAG_union_type => &mut self.records,
                dw::DW_TAG_enumeration_type => &mut self.enums,
                _ => continue,
            };
            if die.attr_value(dw::DW_AT_declaration).is_some() {
                continue;
            }
            if let Some(name) = name_of(&unit, die) {
                let full = if die.tag() == dw::DW_TAG_union_type { format!("union {name}") } else { name };
                list.entry(full).or_insert((number, die.offset()));
            }
        }
        self.units.push(unit);
    }

    /// The parameters of a function.
    pub fn prototype(&self, function: &str) -> Option<Vec<Field>> {
        let (number, offset) = *self.functions.get(function)?;
        let unit = &self.units[number];
        let mut tree = unit.1.entries_tree(Some(offset)).ok()?;
        let mut children = tree.root().ok()?.children();
        let mut out = Vec::new();
        let mut next = 0;
        while let Ok(Some(child)) = children.next() {
            let die = child.entry();
            if die.tag() != dw::DW_TAG_formal_parameter {
                continue;
            }
            let name = name_of(unit, die).unwrap_or_default();
            let ty = type_of(die).map_or(Type::Void, |o| self.ty(unit, o, 0));
            let spelling = type_of(die).map_or_else(|| "void".into(), |o| self.spelled(unit, o, 0));
            let offset = next * 8;
            let taken = type_of(die).map_or(1, |o| self.words(unit, o, &ty));
            // What does not fit whole into the registers lies on the stack, and takes none.
            if taken == 1 || next + taken <= REGISTERS {
                next += taken;
            }
            out.push(Field { spelling: format!("{spelling} {name}"), name, ty, offset, bits: None, data_loc: None });
        }
        Some(out)
    }

    /// Registers for integers that an argument takes (System V ABI for x86-64, section 3.2.3).
    fn words(&self, unit: &At, offset: UnitOffset, ty: &Type) -> u32 {
        let (offset, tag, size) = self.bare(unit, offset, 0);
        let is_record = matches!(tag, dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_class_type);
        match (is_record, ty) {
            (false, Type::Void) => 0,
            (false, _) => 1,
            // Larger ones lie on the stack.
            (true, _) if size > 16 => 0,
            (true, _) => {
                let mut fields = Vec::new();
                self.members(unit, offset, 0, 0, &mut fields);
                // A word of nothing but floating point numbers goes into a register for those.
                let integers = |word: u32| fields.iter().any(|f| f.ty != Type::Void && f.offset / 8 == word);
                (0..size.div_ceil(8) as u32).filter(|w| integers(*w)).count() as u32
            }
        }
    }

    /// A type without its names and qualifiers: where it is, its kind, its bytes.
    fn bare(&self, unit: &At, offset: UnitOffset, depth: u32) -> (UnitOffset, gimli::DwTag, u64) {
        let Ok(die) = unit.1.entry(offset) else { return (offset, dw::DW_TAG_null, 0) };
        match (die.tag(), type_of(&die)) {
            (dw::DW_TAG_typedef | dw::DW_TAG_const_type | dw::DW_TAG_volatile_type, Some(to)) if depth < MAX_DEPTH => {
                self.bare(unit, to, depth + 1)
            }
            (tag, _) => (offset, tag, number_of(&die, dw::DW_AT_byte_size).unwrap_or(0)),
        }
    }

    /// A structure, or with the prefix `union ` a union.
    pub fn record(&self, name: &str) -> Option<Layout> {
        let (number, offset) = *self.records.get(name)?;
        let unit = &self.units[number];
        let die = unit.1.entry(offset).ok()?;
        let mut layout = Layout { size: number_of(&die, dw::DW_AT_byte_size)? as u32, fields: Vec::new() };
        self.members(unit, offset, 0, 0, &mut layout.fields);
        Some(layout)
    }

    fn members(&self, unit: &At, offset: UnitOffset, base: u32, depth: u32, out: &mut Vec<Field>) {
        if depth > MAX_DEPTH {
            return;
        }
        let Ok(mut tree) = unit.1.entries_tree(Some(offset)) else { return };
        let Ok(root) = tree.root() else { return };
        let mut children = root.children();
        while let Ok(Some(child)) = children.next() {
            let die = child.entry();
            if !matches!(die.tag(), dw::DW_TAG_member | dw::DW_TAG_inheritance) {
                continue;
            }
            let Some(of) = type_of(die) else { continue };
            let mut at = base + number_of(die, dw::DW_AT_data_member_location).unwrap_or(0) as u32;
            let Some(name) = name_of(unit, die) else {
                // Anonymous members, and what a class inherits.
                self.members(unit, of, at, depth + 1, out);
                continue;
            };
            let ty = self.ty(unit, of, 0);
            let bits = number_of(die, dw::DW_AT_bit_size).map(|width| {
                let unit_bytes = ty.c_size().max(1);
                let first = match number_of(die, dw::DW_AT_data_bit_offset) {
                    Some(bit) => {
                        let bit = bit as u32 + base * 8;
                        at = bit / 8 / unit_bytes * unit_bytes;
                        bit - at * 8
                    }
                    // Before DWARF 4: counted from the high end of the unit.
                    None => unit_bytes * 8 - number_of(die, dw::DW_AT_bit_offset).unwrap_or(0) as u32 - width as u32,
                };
                (first as u8, width as u8)
            });
            out.push(Field { name, spelling: String::new(), ty, offset: at, bits, data_loc: None });
        }
    }

    /// The enumerators of an enumeration.
    pub fn enumeration(&self, name: &str) -> Option<(Int, Vec<(String, i64)>)> {
        let (number, offset) = *self.enums.get(name)?;
        let unit = &self.units[number];
        let int = self.ty(unit, offset, 0).int()?;
        let mut tree = unit.1.entries_tree(Some(offset)).ok()?;
        let mut children = tree.root().ok()?.children();
        let mut out = Vec::new();
        while let Ok(Some(child)) = children.next() {
            let die = child.entry();
            if let (Some(n), Some(v)) = (name_of(unit, die), number_of(die, dw::DW_AT_const_value)) {
                out.push((n, v as i64));
            }
        }
        Some((int, out))
    }

    fn ty(&self, unit: &At, offset: UnitOffset, depth: u32) -> Type {
        let Ok(die) = unit.1.entry(offset) else { return Type::Void };
        if depth > MAX_DEPTH {
            return Type::Void;
        }
        let size = number_of(&die, dw::DW_AT_byte_size);
        match die.tag() {
            dw::DW_TAG_base_type => base_type(&die, size, name_of(unit, &die).as_deref()),
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type => {
                let to = type_of(&die).map_or(Type::Void, |o| self.ty(unit, o, depth + 1));
                Type::ptr(to, AddrSpace::User)
            }
            dw::DW_TAG_structure_type | dw::DW_TAG_union_type | dw::DW_TAG_class_type => {
                let Some(name) = name_of(unit, &die) else { return Type::Void };
                let name = if die.tag() == dw::DW_TAG_union_type { format!("union {name}") } else { name };
                Type::Record { name, size: size.unwrap_or(0) as u32 }
            }
            dw::DW_TAG_enumeration_type => {
                let int = Int { bits: (size.unwrap_or(4).clamp(1, 8) * 8) as u8, signed: false };
                name_of(unit, &die).map_or(Type::Int(int), |name| Type::Enum { name, int })
            }
            dw::DW_TAG_array_type => {
                let mut ty = type_of(&die).map_or(Type::Void, |o| self.ty(unit, o, depth + 1));
                let mut lengths = self.lengths(unit, offset);
                while let Some(len) = lengths.pop() {
                    ty = Type::Array { elem: Box::new(ty), len };
                }
                ty
            }
            dw::DW_TAG_typedef | dw::DW_TAG_const_type | dw::DW_TAG_volatile_type | dw::DW_TAG_restrict_type | dw::DW_TAG_atomic_type => {
                type_of(&die).map_or(Type::Void, |o| self.ty(unit, o, depth + 1))
            }
            _ => Type::Void,
        }
    }

    fn lengths(&self, unit: &At, offset: UnitOffset) -> Vec<u32> {
        let mut out = Vec::new();
        let Ok(mut tree) = unit.1.entries_tree(Some(offset)) else { return out };
        let Ok(root) = tree.root() else { return out };
        let mut children = root.children();
        while let Ok(Some(child)) = children.next() {
            let die = child.entry();
            if die.tag() == dw::DW_TAG_subrange_type {
                let count = number_of(die, dw::DW_AT_count).or_else(|| number_of(die, dw::DW_AT_upper_bound).map(|n| n.wrapping_add(1)));
                out.push(count.unwrap_or(0).min(1 << 28) as u32);
            }
        }
        out
    }

    /// A type as a programmer writes it: `const char*`, `struct Foo*`.
    fn spelled(&self, unit: &At, offset: UnitOffset, depth: u32) -> String {
        let Ok(die) = unit.1.entry(offset) else { return "void".into() };
        if depth > MAX_DEPTH {
            return "...".into();
        }
        let name = name_of(unit, &die).unwrap_or_default();
        let inner = || type_of(&die).map_or_else(|| "void".to_string(), |o| self.spelled(unit, o, depth + 1));
        match die.tag() {
            dw::DW_TAG_pointer_type => format!("{}*", inner()),
            dw::DW_TAG_reference_type => format!("{}&", inner()),
            dw::DW_TAG_const_type => format!("const {}", inner()),
            dw::DW_TAG_volatile_type => format!("volatile {}", inner()),
            dw::DW_TAG_structure_type => format!("struct {name}"),
            dw::DW_TAG_union_type => format!("union {name}"),
            dw::DW_TAG_enumeration_type => format!("enum {name}"),
            dw::DW_TAG_array_type => self.lengths(unit, offset).iter().fold(inner(), |text, n| format!("{text}[{n}]")),
            dw::DW_TAG_subroutine_type => "func_proto".into(),
            _ => name,
        }
    }

    /// Addresses of the statements that begin on a line of a source file (the end of its path is enough).
    pub fn lines(&self, file: &str, line: u32, column: Option<u32>) -> Vec<u64> {
        let mut out = Vec::new();
        for unit in &self.units {
            let Some(program) = unit.1.line_program.clone() else { continue };
            let mut rows = program.rows();
            let mut last_line = 0;
            while let Ok(Some((header, row))) = rows.next_row() {
                let here = row.line().map_or(0, |l| l.get() as u32);
                let at = match row.column() {
                    gimli::ColumnType::LeftEdge => 0,
                    gimli::ColumnType::Column(c) => c.get() as u32,
                };
                // One place for each time that the line is entered.
                let entered = row.is_stmt() && here == line && (last_line != line || column.is_some());
                last_line = if row.end_sequence() { 0 } else { here };
                if !entered || row.end_sequence() || column.is_some_and(|c| c != at) {
                    continue;
                }
                let name = row.file(header).and_then(|f| self.file_name(unit, header, f));
                if name.is_some_and(|n| same_file(&n, file)) && !out.contains(&row.address()) {
                    out.push(row.address());
                }
            }
        }
        out.sort_unstable();
        out
    }

    fn file_name(&self, unit: &At, header: &gimli::LineProgramHeader<Slice>, file: &gimli::FileEntry<Slice>) -> Option<String> {
        let text = |v| text(&unit.0, &unit.1, v);
        let name = text(file.path_name())?;
        match file.directory(header).and_then(text) {
            Some(dir) if !name.starts_with('/') => Some(format!("{dir}/{name}")),
            _ => Some(name),
        }
    }
}

/// Whether a path of the debug information is the file that is meant: the same, or one that ends with it.
fn same_file(full: &str, wanted: &str) -> bool {
    let wanted = wanted.trim_start_matches("./");
    full == wanted || full.strip_suffix(wanted).is_some_and(|before| before.ends_with('/'))
}

fn base_type(die: &Die, size: Option<u64>, name: Option<&str>) -> Type {
    let bits = match size {
        Some(n @ (1 | 2 | 4 | 8)) => (n * 8) as u8,
        _ => return Type::Void,
    };
    match die.attr_value(dw::DW_AT_encoding) {
        Some(AttributeValue::Encoding(dw::DW_ATE_boolean)) => Type::Bool,
        Some(AttributeValue::Encoding(dw::DW_ATE_float)) => Type::Void,
        // Strings are arrays of this.
        _ if name == Some("char") => Type::Int(Int::I8),
        Some(AttributeValue::Encoding(e)) => Type::Int(Int { bits, signed: matches!(e, dw::DW_ATE_signed | dw::DW_ATE_signed_char) }),
        _ => Type::Int(Int { bits, signed: false }),
    }
}

fn name_of(unit: &At, die: &Die) -> Option<String> {
    text(&unit.0, &unit.1, die.attr_value(dw::DW_AT_name)?)
}

/// A string that an attribute holds or refers to.
pub(super) fn text(dwarf: &Dwarf, unit: &Unit, value: AttributeValue<Slice>) -> Option<String> {
    Some(dwarf.attr_string(unit, value).ok()?.to_string_lossy().ok()?.into_owned())
}

fn type_of(die: &Die) -> Option<UnitOffset> {
    match die.attr_value(dw::DW_AT_type)? {
        AttributeValue::UnitRef(o) => Some(o),
        _ => None,
    }
}

fn number_of(die: &Die, name: gimli::DwAt) -> Option<u64> {
    let value = die.attr_value(name)?;
    value.udata_value().or_else(|| value.sdata_value().map(|n| n as u64))
}

/// A section of a file, decompressed; empty if there is none.
pub(super) fn section(file: &object::File<'_>, name: &str) -> Result<Slice, gimli::Error> {
    let endian = if file.is_little_endian() { RunTimeEndian::Little } else { RunTimeEndian::Big };
    let data = file.section_by_name(name).and_then(|s| s.uncompressed_data().ok()).unwrap_or_default();
    Ok(EndianArcSlice::new(Arc::from(&*data), endian))
}

/// Files that may hold a stripped binary's debug information: by build id, by link, below the given directories.
fn separate(path: &Path, file: &object::File<'_>, dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut out = Vec::new();
    let roots: Vec<PathBuf> = dirs.iter().cloned().chain([PathBuf::from(DEBUG_DIR)]).collect();
    if let Ok(Some(id)) = file.build_id()
        && let Some((first, rest)) = id.split_first()
    {
        let rest: String = rest.iter().map(|b| format!("{b:02x}")).collect();
        out.extend(roots.iter().map(|r| r.join(".build-id").join(format!("{first:02x}")).join(format!("{rest}.debug"))));
    }
    let dir = path.parent().unwrap_or(Path::new("."));
    // A directory that is given relatively may also be meant from the binary's own, as elfutils has it.
    let near: Vec<PathBuf> = dirs.iter().flat_map(|d| [d.clone(), dir.join(d)]).collect();
    if let Some(name) = path.file_name() {
        let debug = format!("{}.debug", name.to_string_lossy());
        out.extend(near.iter().flat_map(|d| [d.join(&debug), d.join(name)]));
    }
    let linked = file.gnu_debuglink().ok().flatten().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
    if let Some(name) = linked {
        out.push(dir.join(&name));
        out.push(dir.join(".debug").join(&name));
        out.extend(roots.iter().map(|r| r.join(dir.strip_prefix("/").unwrap_or(dir)).join(&name)));
        out.extend(near.iter().map(|d| d.join(&name)));
    }
    out
}
