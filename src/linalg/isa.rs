//! The instruction sets the crate has code for, and the choice among them at run time.

use std::ffi::OsStr;
use std::fmt;
use std::sync::OnceLock;

use crate::base::error::{Error, Result};

/// An instruction set that the arithmetic is compiled for.
///
/// The best one of the running processor is used. The environment variable `PALMNET_ISA` with one of the names
/// below chooses a lesser one, for tests and comparisons. It is read once, when a process computes for the first time.
/// If it holds no name, or one that this processor or build lacks, every training, and every prediction or evaluation
/// of a dataset, returns an error; functions that return no [`Result`], such as
/// [`Network::predict`](crate::Network::predict), use the best instruction set available.
///
/// AVX-512, AVX2 and NEON multiply and add with one rounding, so they give the same bits in a product; the others round
/// twice. Without the crate's feature `simd` there are only the instructions of every processor of the target: on
/// x86-64, SSE2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isa {
    /// `avx512`: x86-64 with AVX-512 F, VL, BW and DQ.
    Avx512,
    /// `avx2`: x86-64 with AVX2 and FMA.
    Avx2,
    /// `sse2`: any x86-64.
    Sse2,
    /// `neon`: 64-bit ARM.
    Neon,
    /// `portable`: plain arrays as the compiler vectorizes them, on any other processor.
    Portable,
}

// Their availability is looked up by number.
const _: () = {
    let mut i = 0;
    while i < Isa::ALL.len() {
        assert!(Isa::ALL[i] as usize == i);
        i += 1;
    }
};

impl Isa {
    /// Every instruction set in the order of their numbers, the fastest first.
    pub(crate) const ALL: [Isa; 5] = [Isa::Avx512, Isa::Avx2, Isa::Sse2, Isa::Neon, Isa::Portable];

    /// Returns whether the running processor has these instructions, and the crate was built with code for them.
    #[inline]
    pub fn is_available(self) -> bool {
        if cfg!(not(feature = "simd")) {
            return self.detect();
        }
        // Asked at every product and every loop: to test each of the instructions takes longer than a small one.
        static AVAILABLE: OnceLock<[bool; Isa::ALL.len()]> = OnceLock::new();
        AVAILABLE.get_or_init(|| Isa::ALL.map(Isa::detect))[self as usize]
    }

    /// Panics, because the processor lacks these instructions.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(self) -> ! {
        panic!("this processor has no {self}");
    }

    /// Asks the processor.
    fn detect(self) -> bool {
        match self {
            #[cfg(all(target_arch = "x86_64", feature = "simd"))]
            Isa::Avx512 => {
                Isa::Avx2.detect()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(all(target_arch = "x86_64", feature = "simd"))]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            Isa::Neon => cfg!(all(target_arch = "aarch64", target_feature = "neon")),
            Isa::Sse2 => cfg!(target_arch = "x86_64"),
            // Also in this crate's own tests.
            Isa::Portable => cfg!(test) || !(Isa::Sse2.detect() || Isa::Neon.detect()),
            #[cfg(any(not(target_arch = "x86_64"), not(feature = "simd")))]
            Isa::Avx512 | Isa::Avx2 => false,
        }
    }

    /// Returns the instruction set in use.
    ///
    /// # Errors
    /// [`Error::Setting`] if `PALMNET_ISA` holds no instruction set's name, or one that this processor or build lacks.
    pub fn current() -> Result<Isa> {
        check().map(|()| isa())
    }

    /// Returns the instruction set of this name, if it is available.
    pub(crate) fn available(wish: &OsStr) -> Option<Isa> {
        Isa::ALL.into_iter().find(|isa| wish == isa.name()).filter(|isa| isa.is_available())
    }

    fn name(self) -> &'static str {
        match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Sse2 => "sse2",
            Isa::Neon => "neon",
            Isa::Portable => "portable",
        }
    }
}

/// The name that `PALMNET_ISA` takes.
impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The instruction set in use, and whether `PALMNET_ISA` asks for one that there is not.
static CHOICE: OnceLock<(Isa, bool)> = OnceLock::new();

fn choice() -> (Isa, bool) {
    *CHOICE.get_or_init(|| match std::env::var_os("PALMNET_ISA") {
        None => (best(), false),
        Some(wish) => Isa::available(&wish).map_or((best(), true), |isa| (isa, false)),
    })
}

/// Returns the instruction set in use: the one that `PALMNET_ISA` names if that is possible, else the best available.
pub(crate) fn isa() -> Isa {
    choice().0
}

/// Refuses to compute if `PALMNET_ISA` asks for an instruction set that there is not: results may differ in their last
/// bits from those that were asked for.
pub(crate) fn check() -> Result<()> {
    if !choice().1 {
        return Ok(());
    }
    choose(&std::env::var_os("PALMNET_ISA").unwrap_or_default()).map(|_| ())
}

fn best() -> Isa {
    Isa::ALL.into_iter().find(|isa| isa.is_available()).unwrap_or(Isa::Portable)
}

fn choose(wish: &OsStr) -> Result<Isa> {
    Isa::available(wish).ok_or_else(|| {
        let names = Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(Isa::name);
        let names = names.collect::<Vec<_>>().join(", ");
        let known = Isa::ALL.into_iter().any(|isa| wish == isa.name());
        let why = if known { "not in this processor, or not in this build" } else { "no such instruction set" };
        Error::Setting(format!("PALMNET_ISA={}: {why}; unset it or choose one of {names}", wish.to_string_lossy()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes() {
        assert_eq!(choose(OsStr::new("portable")).unwrap(), Isa::Portable);
        assert_eq!(choose(OsStr::new(best().name())).unwrap(), best());
        let lacking = if cfg!(target_arch = "x86_64") { "neon" } else { "avx2" };
        let complaint = choose(OsStr::new(lacking)).unwrap_err().to_string();
        assert!(complaint.contains("not in this processor, or not in this build"), "{complaint}");
        let complaint = choose(OsStr::new("mmx")).unwrap_err().to_string();
        assert!(complaint.starts_with("PALMNET_ISA=mmx: no such instruction set"), "{complaint}");
        assert!(complaint.ends_with("portable"), "{complaint}");
    }
}
