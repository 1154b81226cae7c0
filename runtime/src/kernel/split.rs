//! Debug information that the linker has left in files of its own: `.dwo`, and `.dwp` which holds many of them
//! (DWARF 5, section 7.3.2).

use super::dwarf::{Dwarf, Unit, section, text};
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Slice = super::dwarf::Slice;
pub(super) type Package = gimli::DwarfPackage<Slice>;

/// The package beside a binary: `NAME.dwp`.
pub(super) fn package(binary: &Path) -> Option<Package> {
    let mut name = binary.as_os_str().to_owned();
    name.push(".dwp");
    let data = std::fs::read(PathBuf::from(name)).ok()?;
    let file = object::File::parse(&*data).ok()?;
    let empty = section(&file, "").ok()?;
    Package::load(|id| section(&file, id.dwo_name().unwrap_or("")), empty).ok()
}

/// The units that a skeleton stands for.
pub(super) fn parts(parent: &Arc<Dwarf>, skeleton: &Unit, package: Option<&Package>, binary: &Path) -> Option<Vec<(Arc<Dwarf>, Unit)>> {
    let packed = package.and_then(|p| p.find_cu(skeleton.dwo_id?, parent).ok().flatten());
    let dwarf = Arc::new(match packed {
        Some(dwarf) => dwarf,
        None => object(parent, skeleton, binary)?,
    });
    let mut out = Vec::new();
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        let Ok(mut unit) = dwarf.unit(header) else { continue };
        unit.copy_relocated_attributes(skeleton);
        out.push((dwarf.clone(), unit));
    }
    Some(out)
}

/// The `.dwo` that a skeleton names: where it was compiled, or beside the binary.
fn object(parent: &Arc<Dwarf>, skeleton: &Unit, binary: &Path) -> Option<Dwarf> {
    let name = PathBuf::from(text(parent, skeleton, skeleton.dwo_name().ok()??)?);
    let compiled = skeleton.comp_dir.as_ref().and_then(|d| Some(PathBuf::from(gimli::Reader::to_string_lossy(d).ok()?.into_owned())));
    let beside = binary.parent().zip(name.file_name()).map(|(dir, name)| dir.join(name));
    let places = [Some(compiled.unwrap_or_default().join(&name)), beside];
    let data = places.into_iter().flatten().find_map(|p| std::fs::read(p).ok())?;
    let file = object::File::parse(&*data).ok()?;
    let mut dwarf = Dwarf::load(|id| section(&file, id.dwo_name().unwrap_or(""))).ok()?;
    dwarf.make_dwo(parent);
    Some(dwarf)
}
