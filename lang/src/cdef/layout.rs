//! Places of members, by the System V ABI for x86-64 as gcc has it.

use crate::kernel::{Field, Layout};
use crate::types::Type;

/// A type with its size and alignment in bytes.
#[derive(Clone, Debug)]
pub(super) struct CType {
    pub ty: Type,
    pub size: u32,
    pub align: u32,
}

/// A member to be placed.
pub(super) struct Member {
    /// Empty: anonymous.
    pub name: String,
    pub ty: CType,
    /// Width of a bit-field.
    pub bits: Option<u32>,
    /// Members of an anonymous structure or union, which are put in its place.
    pub inner: Option<Layout>,
    /// `aligned(n)` of the member itself.
    pub align: Option<u32>,
    pub packed: bool,
}

/// What attributes say of a structure.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub packed: bool,
    pub align: Option<u32>,
}

/// Lays members out one after the other, or (`union`) over each other. With the alignment.
pub(super) fn place(members: Vec<Member>, union: bool, attributes: Attributes) -> (Layout, u32) {
    let mut l = Layout::default();
    let (mut bit, mut align, mut size) = (0u64, 1u32, 0u64);
    for m in members {
        if union {
            bit = 0;
        }
        let packed = attributes.packed || m.packed;
        let mut own = if packed { 1 } else { m.ty.align.max(1) };
        own = own.max(m.align.unwrap_or(1));
        match m.bits {
            Some(width) => {
                let unit = u64::from(m.ty.size.max(1)) * 8;
                let width = u64::from(width);
                if width == 0 {
                    bit = bit.next_multiple_of(unit);
                    continue;
                }
                if !packed && bit / unit != (bit + width - 1) / unit {
                    bit = bit.next_multiple_of(unit);
                }
                if !m.name.is_empty() {
                    l.fields.push(bit_field(&m, bit, width));
                    align = align.max(own);
                }
                bit += width;
            }
            None => {
                bit = bit.next_multiple_of(8).next_multiple_of(u64::from(own) * 8);
                let offset = (bit / 8).min(u64::from(u32::MAX)) as u32;
                align = align.max(own);
                match m.inner {
                    Some(inner) => {
                        l.fields.extend(inner.fields.into_iter().map(|f| Field { offset: f.offset.saturating_add(offset), ..f }));
                    }
                    None => l.fields.push(field(m.name, m.ty.ty, offset, None)),
                }
                bit += u64::from(m.ty.size) * 8;
            }
        }
        size = size.max(bit.div_ceil(8));
    }
    align = align.max(attributes.align.unwrap_or(1));
    l.size = size.next_multiple_of(u64::from(align)).min(u64::from(u32::MAX)) as u32;
    (l, align)
}

fn field(name: String, ty: Type, offset: u32, bits: Option<(u8, u8)>) -> Field {
    Field { name, spelling: String::new(), ty, offset, bits, data_loc: None }
}

/// The unit that holds a bit-field: that of its type where it fits, else a larger one (packed structures).
fn bit_field(m: &Member, bit: u64, width: u64) -> Field {
    let unit = u64::from(m.ty.size.max(1));
    let start = bit / (unit * 8) * unit;
    let first = bit - start * 8;
    if first + width <= unit * 8 {
        return field(m.name.clone(), m.ty.ty.clone(), start as u32, Some((first as u8, width as u8)));
    }
    let start = bit / 8;
    let first = bit - start * 8;
    let ty = match m.ty.ty.int() {
        Some(i) => Type::Int(crate::types::Int { bits: 64, signed: i.signed }),
        None => m.ty.ty.clone(),
    };
    field(m.name.clone(), ty, start as u32, Some((first as u8, width as u8)))
}
