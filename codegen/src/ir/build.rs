//! Builds a [`Function`] in SSA form while it is being lowered.
//!
//! Variables become block parameters where they are needed, after Braun et al., "Simple and Efficient Construction of
//! Static Single Assignment Form" (CC 2013). A block is *sealed* when all its predecessors are known; reading a
//! variable in a block that is not sealed leaves a parameter to be completed by [`Builder::seal`]. Unlike the paper,
//! superfluous parameters are removed once, by [`Builder::finish`].

use super::cfg::{drop_trivial_params, drop_unreachable};
use super::{Block, BlockData, Cc, Function, Inst, Op, Slot, Target, Term, Value};
use lang::source::Span;
use std::collections::HashMap;

/// A mutable variable of the source, to be turned into SSA values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Var(u32);

/// What is known of a block while it is built.
#[derive(Default)]
struct State {
    sealed: bool,
    preds: Vec<Block>,
    /// Parameters that wait for the block's predecessors.
    incomplete: Vec<(Var, Value)>,
}

/// See the module.
pub struct Builder {
    f: Function,
    state: Vec<State>,
    defs: HashMap<(Var, Block), Value>,
    vars: u32,
    current: Block,
    span: Option<Span>,
    /// The 0 that undefined variables have; defined at the start of the entry block.
    undefined: Option<Value>,
}

impl Builder {
    /// Starts a function; the entry block exists, is sealed and current.
    pub fn new(name: &str) -> Self {
        Builder::with_params(name, 1)
    }

    /// Starts a function of so many parameters, at least one.
    pub fn with_params(name: &str, params: u32) -> Self {
        let f = Function { name: name.to_string(), ..Function::default() };
        let mut b = Builder { f, state: Vec::new(), defs: HashMap::new(), vars: 0, current: Block(0), span: None, undefined: None };
        let entry = b.block();
        for _ in 0..params.max(1) {
            b.block_param(entry);
        }
        b.seal(entry);
        b
    }

    /// The context pointer: the parameter of the entry block.
    pub fn ctx(&self) -> Value {
        self.f.blocks[0].params[0]
    }

    /// A parameter of the function.
    pub fn param(&self, index: usize) -> Value {
        self.f.blocks[0].params[index]
    }

    /// A new block, not sealed and without code.
    pub fn block(&mut self) -> Block {
        self.f.blocks.push(BlockData::default());
        self.state.push(State::default());
        Block(self.f.blocks.len() as u32 - 1)
    }

    /// Code goes to the end of `b` from now on.
    pub fn switch_to(&mut self, b: Block) {
        self.current = b;
    }

    /// The block that code goes to.
    pub fn current(&self) -> Block {
        self.current
    }

    /// Says that all jumps to `b` exist. Sealing twice does nothing.
    pub fn seal(&mut self, b: Block) {
        let state = &mut self.state[b.0 as usize];
        if state.sealed {
            return;
        }
        state.sealed = true;
        for (var, param) in std::mem::take(&mut state.incomplete) {
            self.complete(var, b, param);
        }
    }

    /// Whether the current block has its terminator. Code that is added to it then is dead: it goes to a new block
    /// that nothing reaches and that [`Builder::finish`] drops.
    pub fn is_terminated(&self) -> bool {
        self.data().term.is_some()
    }

    /// Sets the place in the script for what follows.
    pub fn set_span(&mut self, s: Option<Span>) {
        self.span = s;
    }

    /// The place in the script set last.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// A new variable; it reads as 0 until it is defined.
    pub fn var(&mut self) -> Var {
        self.vars += 1;
        Var(self.vars - 1)
    }

    /// Assigns `x` to `v`.
    pub fn def(&mut self, v: Var, x: Value) {
        self.defs.insert((v, self.current), x);
    }

    /// The value of `v` here.
    pub fn get(&mut self, v: Var) -> Value {
        self.read(v, self.current)
    }

    /// A new stack slot of `bytes`, rounded up to a multiple of 8.
    pub fn slot(&mut self, bytes: u32) -> Slot {
        self.f.slots.push(bytes.next_multiple_of(8));
        Slot(self.f.slots.len() as u32 - 1)
    }

    /// Adds an instruction that has a result.
    pub fn ins(&mut self, op: Op) -> Value {
        debug_assert!(op.has_result(), "no result: {op:?}");
        let result = self.f.new_value();
        self.push(Inst { result: Some(result), op, span: self.span });
        result
    }

    /// Adds an instruction that has no result.
    pub fn eff(&mut self, op: Op) {
        debug_assert!(!op.has_result(), "has a result: {op:?}");
        self.push(Inst { result: None, op, span: self.span });
    }

    /// Goes to `b`.
    pub fn jump(&mut self, b: Block) {
        self.jump_args(b, &[]);
    }

    /// Goes to `b` with arguments for its explicit parameters.
    pub fn jump_args(&mut self, b: Block, args: &[Value]) {
        self.terminate(Term::Jump(Target { block: b, args: args.to_vec() }));
    }

    /// Goes to `yes` if `a cc b`, else to `no`. Neither has explicit parameters.
    pub fn branch(&mut self, cc: Cc, a: Value, b: Value, yes: Block, no: Block) {
        let target = |block| Target { block, args: Vec::new() };
        self.terminate(Term::Branch { cc, a, b, yes: target(yes), no: target(no) });
    }

    /// Goes to `yes` unless `a` is 0.
    pub fn branch_nonzero(&mut self, a: Value, yes: Block, no: Block) {
        let zero = self.iconst(0);
        self.branch(Cc::Ne, a, zero, yes, no);
    }

    /// Leaves the program.
    pub fn ret(&mut self, v: Value) {
        self.terminate(Term::Return(v));
    }

    /// Adds an explicit parameter to `b`, which is not sealed; every jump to it must then be a [`Builder::jump_args`].
    pub fn block_param(&mut self, b: Block) -> Value {
        debug_assert!(!self.state[b.0 as usize].sealed, "parameter for a sealed block");
        let v = self.f.new_value();
        self.f.blocks[b.0 as usize].params.push(v);
        v
    }

    /// The function: every block sealed and ended (with `return 0` where there was no end), what can't be reached
    /// dropped, superfluous parameters removed.
    pub fn finish(mut self) -> Function {
        for b in 0..self.state.len() as u32 {
            self.seal(Block(b));
        }
        for b in 0..self.state.len() as u32 {
            if self.f.blocks[b as usize].term.is_none() {
                self.switch_to(Block(b));
                let zero = self.iconst(0);
                self.ret(zero);
            }
        }
        if let Some(result) = self.undefined {
            self.f.blocks[0].insts.insert(0, Inst { result: Some(result), op: Op::Const(0), span: None });
        }
        drop_unreachable(&mut self.f);
        drop_trivial_params(&mut self.f);
        self.f
    }

    fn data(&self) -> &BlockData {
        &self.f.blocks[self.current.0 as usize]
    }

    /// Goes on in a block that nothing reaches if the current one has ended.
    fn open(&mut self) -> &mut BlockData {
        if self.is_terminated() {
            let dead = self.block();
            self.seal(dead);
            self.current = dead;
        }
        &mut self.f.blocks[self.current.0 as usize]
    }

    fn push(&mut self, inst: Inst) {
        self.open().insts.push(inst);
    }

    fn terminate(&mut self, term: Term) {
        self.open();
        let from = self.current;
        for t in term.targets() {
            let state = &mut self.state[t.block.0 as usize];
            debug_assert!(!state.sealed, "jump to the sealed block {:?}", t.block);
            if !state.preds.contains(&from) {
                state.preds.push(from);
            }
        }
        self.f.blocks[from.0 as usize].term = Some(term);
    }

    /// The value of `v` at the end of `b` as it is now (global value numbering of the paper).
    fn read(&mut self, v: Var, b: Block) -> Value {
        // Chains of single predecessors are walked in a loop; recursion is for joins alone.
        let mut chain = Vec::new();
        let mut at = b;
        let value = loop {
            if let Some(x) = self.defs.get(&(v, at)) {
                break *x;
            }
            chain.push(at);
            let state = &mut self.state[at.0 as usize];
            if !state.sealed {
                let param = self.f.new_value();
                state.incomplete.push((v, param));
                break param;
            }
            match state.preds[..] {
                [] => break self.undefined(),
                // A loop that nothing enters.
                [one] if chain.contains(&one) => break self.undefined(),
                [one] => at = one,
                _ => {
                    let param = self.f.new_value();
                    self.defs.insert((v, at), param);
                    self.complete(v, at, param);
                    break param;
                }
            }
        };
        for b in chain {
            self.defs.insert((v, b), value);
        }
        value
    }

    /// Makes `param` a parameter of `b` that carries `v`, with an argument in every jump to `b`.
    fn complete(&mut self, v: Var, b: Block, param: Value) {
        let args: Vec<(Block, Value)> = self.state[b.0 as usize].preds.clone().into_iter().map(|p| (p, self.read(v, p))).collect();
        self.f.blocks[b.0 as usize].params.push(param);
        for (p, arg) in args {
            for t in self.f.blocks[p.0 as usize].term.iter_mut().flat_map(|t| t.targets_mut()) {
                if t.block == b {
                    t.args.push(arg);
                }
            }
        }
    }

    fn undefined(&mut self) -> Value {
        match self.undefined {
            Some(v) => v,
            None => *self.undefined.insert(self.f.new_value()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Size;
    use super::*;

    #[test]
    fn variable_over_a_branch_becomes_a_parameter() {
        let mut b = Builder::new("f");
        let v = b.var();
        let ctx = b.ctx();
        let (yes, join) = (b.block(), b.block());
        let one = b.iconst(1);
        b.def(v, one);
        b.branch_nonzero(ctx, yes, join);
        b.seal(yes);
        b.switch_to(yes);
        let two = b.iconst(2);
        b.def(v, two);
        b.jump(join);
        b.seal(join);
        b.switch_to(join);
        let x = b.get(v);
        b.ret(x);
        let f = b.finish();
        assert_eq!(f.blocks.len(), 3);
        let join = f.blocks.iter().find(|b| !b.params.is_empty() && b.params[0] != Value(0)).unwrap();
        assert_eq!(join.term, Some(Term::Return(join.params[0])));
    }

    #[test]
    fn loop_that_does_not_change_a_variable_needs_no_parameter() {
        let mut b = Builder::new("f");
        let (v, i) = (b.var(), b.var());
        let ctx = b.ctx();
        b.def(v, ctx);
        let zero = b.iconst(0);
        b.def(i, zero);
        let (head, body, done) = (b.block(), b.block(), b.block());
        b.jump(head);
        b.switch_to(head);
        let n = b.get(i);
        let ten = b.iconst(10);
        b.branch(Cc::Ult, n, ten, body, done);
        b.seal(body);
        b.switch_to(body);
        let p = b.get(v);
        b.load(Size::B8, p, 0);
        let n = b.get(i);
        let n = b.add_imm(n, 1);
        b.def(i, n);
        b.jump(head);
        b.seal(head);
        b.seal(done);
        b.switch_to(done);
        let x = b.get(v);
        b.ret(x);
        let f = b.finish();
        let params: usize = f.blocks[1..].iter().map(|b| b.params.len()).sum();
        assert_eq!(params, 1, "{f:#?}");
    }

    #[test]
    fn dead_code_is_dropped_and_open_blocks_return() {
        let mut b = Builder::new("f");
        let v = b.var();
        let x = b.get(v);
        b.ret(x);
        b.iconst(5);
        let f = b.finish();
        assert_eq!(f.blocks.len(), 1);
        assert_eq!(f.blocks[0].insts[0].op, Op::Const(0));
        assert_eq!(Builder::new("g").finish().blocks[0].insts.len(), 1);
    }
}
