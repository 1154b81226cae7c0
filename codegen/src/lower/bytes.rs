//! Values as the bytes they are made of.

use super::Lower;
use super::mem::{Pad, Place, word};
use crate::ir::Helper;
use lang::hir::{Expr, ExprKind};
use lang::types::Type;

impl<'s> Lower<'s, '_> {
    /// The bytes of an integer.
    pub(super) fn store_as_bytes(&mut self, inner: &'s Expr, dst: Place, bytes: u32) {
        let v = self.scalar(inner);
        // What is above the array's bytes must be zero there.
        let v = if bytes < 8 { self.b.ext_bits(v, bytes * 8) } else { v };
        self.store_word(dst, v);
    }

    /// A part of a value in memory that is itself no word: exactly its bytes, zeros behind.
    pub(super) fn part_into(&mut self, base: &'s Expr, offset: u32, ty: &Type, dst: Place) {
        let place = self.in_memory(base).at(offset);
        let bytes = ty.c_size();
        self.zero(dst, ty.stored_size());
        let (to, from) = (self.address_of(dst), self.address_of(place));
        let n = self.b.iconst(i64::from(bytes));
        let helper = if matches!(ty, Type::Str(_)) { Helper::PROBE_READ_KERNEL_STR } else { Helper::PROBE_READ_KERNEL };
        self.b.call(helper, &[to, n, from]);
    }

    /// A text of constants, NULs included.
    pub(super) fn raw_literal(&mut self, text: &[u8], dst: Place, bytes: u32) {
        for at in (0..bytes).step_by(8) {
            let v = self.b.iconst(word(text, at as usize));
            self.store_word(dst.at(at), v);
        }
    }

    /// The same bytes under another type.
    pub(super) fn relabel_into(&mut self, inner: &'s Expr, ty: &Type, dst: Place) {
        let bytes = ty.stored_size();
        if let ExprKind::Str(text) = &inner.kind {
            return self.raw_literal(text, dst, bytes);
        }
        if inner.ty.stored_size() == bytes {
            return self.store(inner, &inner.ty, dst, Pad::Zero);
        }
        let src = self.in_memory(inner);
        self.copy(dst, src, bytes.min(inner.ty.stored_size()));
        if bytes > inner.ty.stored_size() {
            self.zero(dst.at(inner.ty.stored_size()), bytes - inner.ty.stored_size());
        }
    }
}
