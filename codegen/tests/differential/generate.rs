//! Random programs that end: structured, with counted loops alone.

use codegen::ir::build::{Builder, Var};
use codegen::ir::{BinOp, Cc, Function, Helper, Op, Section, Size, Slot, Value};

/// xorshift64*
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() >> 33) as usize % n
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

struct Generator {
    r: Random,
    b: Builder,
    vars: Vec<Var>,
    slots: Vec<(Slot, u32)>,
    left: usize,
}

const SIZES: [Size; 4] = [Size::B1, Size::B2, Size::B4, Size::B8];
const BINS: [BinOp; 11] =
    [BinOp::Add, BinOp::Sub, BinOp::Mul, BinOp::UDiv, BinOp::UMod, BinOp::And, BinOp::Or, BinOp::Xor, BinOp::Shl, BinOp::LShr, BinOp::AShr];
const CCS: [Cc; 10] = [Cc::Eq, Cc::Ne, Cc::Ult, Cc::Ule, Cc::Ugt, Cc::Uge, Cc::Slt, Cc::Sle, Cc::Sgt, Cc::Sge];

/// The program of a seed.
pub fn program(seed: u64) -> Function {
    let mut r = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut b = Builder::new("random");
    let vars = (0..1 + r.below(16)).map(|_| b.var()).collect();
    let slots = (0..1 + r.below(3)).map(|i| (b.slot(8 + 8 * i as u32), 8 + 8 * i as u32)).collect();
    let left = 8 + r.below(60);
    let mut g = Generator { r, b, vars, slots, left };
    // The stack starts out undefined, as on the machine.
    for (slot, bytes) in g.slots.clone() {
        let p = g.b.slot_addr(slot);
        g.b.zero(p, 0, bytes);
    }
    g.statements(4);
    let x = g.value(3);
    g.b.ret(x);
    g.b.finish()
}

impl Generator {
    fn statements(&mut self, depth: usize) {
        let outer = self.slots.len();
        self.some_statements(depth);
        self.slots.truncate(outer);
    }

    /// A slot for what follows in this block of statements; it starts out as zeros.
    fn local_slot(&mut self) {
        let bytes = 8 + 8 * self.r.below(6) as u32;
        let slot = self.b.slot(bytes);
        let p = self.b.slot_addr(slot);
        self.b.zero(p, 0, bytes);
        self.slots.push((slot, bytes));
    }

    fn some_statements(&mut self, depth: usize) {
        for _ in 0..1 + self.r.below(12) {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            match self.r.below(13) {
                12 => self.local_slot(),
                0..4 => {
                    let (var, x) = (self.r.pick(&self.vars), self.value(3));
                    self.b.def(var, x);
                }
                4..6 => self.memory(),
                6..8 => {
                    let x = self.call();
                    let var = self.r.pick(&self.vars);
                    self.b.def(var, x);
                }
                8..11 if depth > 0 => self.branch(depth - 1),
                11 if depth > 0 => self.repeat(depth - 1),
                _ => {}
            }
        }
    }

    fn constant(&mut self) -> i64 {
        let near = self.r.below(3) as i64 - 1;
        match self.r.below(5) {
            0 => self.r.below(10) as i64,
            1 => -(self.r.below(10) as i64),
            2 => (1i64 << self.r.below(64)).wrapping_add(near),
            3 => self.r.next() as i32 as i64,
            _ => self.r.next() as i64,
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.r.below(if depth == 0 { 2 } else { 9 }) {
            0 => {
                let c = self.constant();
                self.b.iconst(c)
            }
            1 => {
                let var = self.r.pick(&self.vars);
                self.b.get(var)
            }
            2..5 => {
                let (op, x, y) = (self.r.pick(&BINS), self.value(depth - 1), self.value(depth - 1));
                self.b.bin(op, x, y)
            }
            5 => {
                let (cc, x, y) = (self.r.pick(&CCS), self.value(depth - 1), self.value(depth - 1));
                self.b.cmp(cc, x, y)
            }
            6 => {
                let (signed, bits) = (self.r.below(2) == 0, self.r.pick(&[8, 16, 32]));
                let x = self.value(depth - 1);
                self.b.ext(signed, bits, x)
            }
            7 => {
                let (bits, value) = (self.r.pick(&[16, 32, 64]), self.value(depth - 1));
                self.b.ins(Op::Bswap { bits, value })
            }
            _ => self.load(),
        }
    }

    /// A pointer into some area, an offset, and how many bytes there are from there on.
    fn place(&mut self, writable: bool) -> (Value, i32, u32) {
        match self.r.below(if writable { 2 } else { 3 }) {
            0 => {
                let (slot, bytes) = self.r.pick(&self.slots);
                let at = 8 * self.r.below(bytes as usize / 8) as i32;
                (self.b.slot_addr(slot), at, bytes - at as u32)
            }
            1 => {
                let (start, at) = (8 * self.r.below(16) as u32, 8 * self.r.below(15) as i32);
                (self.b.global(Section::Bss, start), at, 256 - start - at as u32)
            }
            _ => {
                let at = 8 * self.r.below(30);
                let p = self.b.ctx();
                (self.b.add_imm(p, at as i64), 8, 256 - at as u32 - 8)
            }
        }
    }

    fn load(&mut self) -> Value {
        let (ptr, offset, _) = self.place(false);
        let (size, signed) = (self.r.pick(&SIZES), self.r.below(2) == 0);
        let size_at = offset + (self.r.below(8) as u32 / size.bytes() * size.bytes()) as i32;
        self.b.ins(Op::Load { size, signed, ptr, offset: size_at })
    }

    fn memory(&mut self) {
        let (ptr, offset, room) = self.place(true);
        match self.r.below(4) {
            0 | 1 => {
                let (size, x) = (self.r.pick(&SIZES), self.value(2));
                self.b.store(size, ptr, offset, x);
            }
            2 => {
                let (size, x) = (self.r.pick(&[Size::B4, Size::B8]), self.value(2));
                self.b.atomic_add(size, ptr, offset, x);
            }
            _ => {
                let (src, src_offset, src_room) = self.place(false);
                let len = room.min(src_room).min(24) / 8 * 8;
                // Areas must not overlap: only from the context, or zeros.
                if src_offset == 8 && src_room > 24 && self.r.below(2) == 0 {
                    let ctx = self.b.ctx();
                    self.b.copy(ptr, offset, ctx, 16, len);
                } else {
                    let _ = src;
                    self.b.zero(ptr, offset, len);
                }
            }
        }
    }

    fn call(&mut self) -> Value {
        let args: Vec<Value> = (0..self.r.below(6)).map(|_| self.value(1)).collect();
        let helper = match self.r.below(3) {
            0 if args.is_empty() => Helper::KTIME_GET_NS,
            1 if args.is_empty() => Helper::GET_CURRENT_PID_TGID,
            _ => Helper(9000 + args.len() as u32),
        };
        self.b.call(helper, &args)
    }

    fn branch(&mut self, depth: usize) {
        let (yes, no, join) = (self.b.block(), self.b.block(), self.b.block());
        let (x, y) = (self.value(2), self.value(1));
        if self.r.below(3) == 0 {
            let mask = self.b.and(x, y);
            self.b.branch_nonzero(mask, yes, no);
        } else {
            let cc = self.r.pick(&CCS);
            self.b.branch(cc, x, y, yes, no);
        }
        for arm in [yes, no] {
            self.b.seal(arm);
            self.b.switch_to(arm);
            self.statements(depth);
            if self.r.below(12) == 0 {
                let x = self.value(1);
                self.b.ret(x);
            }
            if !self.b.is_terminated() {
                self.b.jump(join);
            }
        }
        self.b.seal(join);
        self.b.switch_to(join);
    }

    fn repeat(&mut self, depth: usize) {
        let counter = self.b.var();
        let zero = self.b.iconst(0);
        self.b.def(counter, zero);
        let (head, body, done) = (self.b.block(), self.b.block(), self.b.block());
        self.b.jump(head);
        self.b.switch_to(head);
        let n = self.b.get(counter);
        let end = self.r.below(4) as i64;
        let end = self.b.iconst(end);
        self.b.branch(Cc::Ult, n, end, body, done);
        self.b.seal(body);
        self.b.seal(done);
        self.b.switch_to(body);
        self.statements(depth);
        let n = self.b.get(counter);
        let n = self.b.add_imm(n, 1);
        self.b.def(counter, n);
        if !self.b.is_terminated() {
            self.b.jump(head);
        }
        self.b.seal(head);
        self.b.switch_to(done);
    }
}
