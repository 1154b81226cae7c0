//! stub
use crate::sink::*;
use codegen::manifest::*;
use std::io::{self, Write};
use std::sync::Arc;
#[derive(Default)]
pub enum Buffering {
    #[default]
    Line,
    Full,
    None,
}
#[derive(Default)]
pub struct TextOptions {
    pub quiet: bool,
    pub buffering: Buffering,
    pub sources: Option<lang::source::SourceMap>,
    pub warnings: bool,
}
pub struct TextSink {
    m: Arc<Manifest>,
    w: Box<dyn Write>,
}
impl TextSink {
    pub fn new(m: Arc<Manifest>, w: Box<dyn Write>, _o: TextOptions) -> Self {
        TextSink { m, w }
    }
}
impl Sink for TextSink {
    fn attached(&mut self, n: usize) -> io::Result<()> {
        writeln!(self.w, "Attached {n}")
    }
    fn event(&mut self, a: &Action, p: &[u8], _w: &mut dyn World) -> io::Result<()> {
        writeln!(self.w, "EV {a:?} {:?} {}", &p[..p.len().min(64)], String::from_utf8_lossy(&p[..p.len().min(64)]))
    }
    fn maps(&mut self, w: &mut dyn World) -> io::Result<()> {
        for i in 0..self.m.maps.len() {
            for e in w.entries(MapId(i as u32))? {
                let stack = matches!(self.m.maps[i].key, Some(lang::types::Type::KStack { .. }));
                writeln!(
                    self.w,
                    "{}[{:?} {}]: {:?}",
                    self.m.maps[i].name,
                    &e.key[..e.key.len().min(32)],
                    String::from_utf8_lossy(&e.key[..e.key.len().min(32)]),
                    e.values.iter().map(|v| v[..8.min(v.len())].to_vec()).collect::<Vec<_>>()
                )?;
                if stack {
                    let id = i64::from_ne_bytes(e.key[..8].try_into().unwrap());
                    for f in w.kernel_stack(id, 127) {
                        writeln!(self.w, "   {:?}+{}", f.symbol, f.offset)?;
                    }
                }
                if matches!(self.m.maps[i].key, Some(lang::types::Type::UStack { .. })) {
                    let id = i64::from_ne_bytes(e.key[..8].try_into().unwrap());
                    let pid = u64::from_ne_bytes(e.key[8..16].try_into().unwrap());
                    for f in w.user_stack(id, pid as u32, 127) {
                        writeln!(self.w, "   {:?}+{}", f.symbol, f.offset)?;
                    }
                }
            }
        }
        Ok(())
    }
    fn lost(&mut self, n: Losses, _b: Losses) -> io::Result<()> {
        eprintln!("LOST {n:?}");
        Ok(())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.w.flush()
    }
}
