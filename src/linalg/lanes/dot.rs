//! Products of bytes, summed in 32 bits: a row of unsigned bytes times columns of signed ones.
//!
//! A panel is 16 columns of weights. It lies in the order that kernels read: for each group of the depth, the numbers of the
//! first column, those of the second, and so on. A group has four bytes in a row and in each column: four numbers or,
//! where products are of 16 bits, two, which are widened once and not in every product. No kernel saturates, so all of
//! them have the same sums: see [`bytes`](crate::linalg::bytes) for the bound.

use crate::linalg::isa::Isa;
use crate::linalg::unroll::unrolled;

/// Columns of a panel.
pub(crate) const PANEL: usize = 16;
/// The bytes of a group.
pub(crate) const GROUP: usize = 4;

/// This is subtracted from every number of a row, which makes it a signed byte. NEON has a product of two signed bytes.
pub(crate) const SHIFT: i32 = if cfg!(target_arch = "aarch64") { 128 } else { 0 };

/// The instructions that a product of bytes is computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dot {
    /// AVX-512 VNNI: 64 products in an instruction, the sums of four added to 16 others.
    #[cfg(all(target_arch = "x86_64", feature = "simd"))]
    Vnni512,
    /// AVX-VNNI: the same with half as many.
    #[cfg(all(target_arch = "x86_64", feature = "simd"))]
    Vnni256,
    /// AVX-512 without VNNI: pairs of 16-bit products are added.
    #[cfg(all(target_arch = "x86_64", feature = "simd"))]
    Wide512,
    /// AVX2, likewise.
    #[cfg(all(target_arch = "x86_64", feature = "simd"))]
    Wide256,
    /// SSE2, likewise.
    #[cfg(target_arch = "x86_64")]
    Wide128,
    /// NEON with dot products.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", feature = "simd"))]
    NeonDot,
    /// NEON without: products of 16 bits are added in pairs.
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon,
    /// One product after the other.
    #[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
    Portable,
}

/// A product of some rows and all panels.
pub(crate) struct Rows<'a> {
    /// The numbers of the rows, `stride` bytes from one to the next, of which the last is as long as the others.
    pub(crate) a: &'a [u8],
    pub(crate) stride: usize,
    pub(crate) count: usize,
    /// Groups of the depth.
    pub(crate) groups: usize,
    /// The panels, one after the other.
    pub(crate) panels: &'a [u8],
    /// The first term and the factor of each sum; of whole panels.
    pub(crate) start: &'a [i32],
    pub(crate) scale: &'a [f32],
    /// The least result: smaller ones become it.
    pub(crate) floor: f32,
    /// The results: `width` numbers for each row, `step` numbers from one row to the next.
    pub(crate) c: &'a mut [f32],
    pub(crate) width: usize,
    pub(crate) step: usize,
}

impl Dot {
    /// Returns the best ones of an instruction set, which is available.
    pub(crate) fn of(isa: Isa) -> Dot {
        match isa {
            #[cfg(all(target_arch = "x86_64", feature = "simd"))]
            Isa::Avx512 if is_x86_feature_detected!("avx512vnni") => Dot::Vnni512,
            #[cfg(all(target_arch = "x86_64", feature = "simd"))]
            Isa::Avx512 => Dot::Wide512,
            #[cfg(all(target_arch = "x86_64", feature = "simd"))]
            Isa::Avx2 if is_x86_feature_detected!("avxvnni") => Dot::Vnni256,
            #[cfg(all(target_arch = "x86_64", feature = "simd"))]
            Isa::Avx2 => Dot::Wide256,
            #[cfg(target_arch = "x86_64")]
            Isa::Sse2 => Dot::Wide128,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", feature = "simd"))]
            Isa::Neon if std::arch::is_aarch64_feature_detected!("dotprod") => Dot::NeonDot,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
            Isa::Neon => Dot::Neon,
            #[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
            Isa::Portable => Dot::Portable,
            _ => isa.refuse(),
        }
    }

    /// Returns the bytes that a number of a row, or a weight, takes: 2 if products are of 16 bits.
    pub(crate) fn bytes(self) -> usize {
        match self {
            #[cfg(all(target_arch = "x86_64", feature = "simd"))]
            Dot::Wide512 | Dot::Wide256 => 2,
            #[cfg(target_arch = "x86_64")]
            Dot::Wide128 => 2,
            #[allow(unreachable_patterns)]
            _ => 1,
        }
    }

    /// Returns all that the processor has, for tests.
    #[cfg(test)]
    pub(crate) fn available() -> Vec<Dot> {
        // Some targets have no more.
        #[allow(unused_mut)]
        let mut found: Vec<Dot> = Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(Dot::of).collect();
        #[cfg(all(target_arch = "x86_64", feature = "simd"))]
        {
            found.extend(Isa::Avx512.is_available().then_some(Dot::Wide512));
            found.extend(Isa::Avx2.is_available().then_some(Dot::Wide256));
        }
        #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
        found.push(Dot::Neon);
        found
    }

    /// Computes a product.
    ///
    /// # Panics
    /// If the slices are too short, or the processor lacks the instructions.
    pub(crate) fn run(self, rows: Rows<'_>) {
        let Rows { groups, panels, .. } = rows;
        let needed = rows.width.div_ceil(PANEL) * PANEL;
        assert!(panels.len() >= needed * groups * GROUP, "panels of {} bytes", panels.len());
        assert!(rows.start.len() >= needed && rows.scale.len() >= needed, "starts of {} columns", rows.start.len());
        let Some(last) = rows.count.checked_sub(1) else { return };
        assert!(rows.a.len() >= last * rows.stride + groups * GROUP, "rows of {} bytes", rows.a.len());
        assert!(rows.c.len() >= last * rows.step + rows.width, "results of {} numbers", rows.c.len());
        // SAFETY: the slices were checked above, and the kinds but for the last are made by `of` alone, which asks the
        // processor, or by `available`.
        unsafe {
            match self {
                #[cfg(all(target_arch = "x86_64", feature = "simd"))]
                Dot::Vnni512 => x86::vnni512(rows),
                #[cfg(all(target_arch = "x86_64", feature = "simd"))]
                Dot::Vnni256 => x86::vnni256(rows),
                #[cfg(all(target_arch = "x86_64", feature = "simd"))]
                Dot::Wide512 => x86::wide512(rows),
                #[cfg(all(target_arch = "x86_64", feature = "simd"))]
                Dot::Wide256 => x86::wide256(rows),
                #[cfg(target_arch = "x86_64")]
                Dot::Wide128 => x86::wide128(rows),
                #[cfg(all(target_arch = "aarch64", target_feature = "neon", feature = "simd"))]
                Dot::NeonDot => neon::dot(rows),
                #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
                Dot::Neon => neon::wide(rows),
                #[cfg(any(
                    test,
                    not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))
                ))]
                Dot::Portable => portable::run(rows),
            }
        }
    }
}

/// The registers of the sums of a panel, and of what is multiplied for them.
trait Sums: Copy {
    /// A group of these columns, and that of a row, repeated.
    type Weights: Copy;
    type Group: Copy;

    unsafe fn zero() -> Self;
    unsafe fn weights(from: *const u8) -> Self::Weights;
    unsafe fn group(from: *const u8) -> Self::Group;
    unsafe fn add(self, weights: Self::Weights, group: Self::Group) -> Self;
    /// Adds these sums to the first of 16 others.
    unsafe fn add_to(self, sums: &mut [i32; PANEL]);
}

/// Computes a product in tiles of `PANELS` and `ROWS`: their weights stay in the first-level cache for
/// all rows. If there is one row, tiles have `WIDE` panels.
///
/// # Safety
/// The slices must be as long as [`Dot::run`] checks, and the processor must have the instructions.
#[inline(always)]
unsafe fn product<S: Sums, const PANELS: usize, const ROWS: usize, const WIDE: usize>(mut rows: Rows<'_>) {
    let panels = rows.width.div_ceil(PANEL);
    let mut panel = 0;
    while panel < panels {
        let left = panels - panel;
        unsafe {
            if const { WIDE > 1 } && rows.count == 1 && left >= WIDE {
                tile::<S, WIDE, 1>(&mut rows, panel, 0);
                panel += WIDE;
            } else if const { PANELS > 1 } && left >= PANELS {
                stripe::<S, PANELS, ROWS>(&mut rows, panel);
                panel += PANELS;
            } else {
                stripe::<S, 1, ROWS>(&mut rows, panel);
                panel += 1;
            }
        }
    }
}

/// Computes the results of some panels for all rows.
#[inline(always)]
unsafe fn stripe<S: Sums, const PANELS: usize, const ROWS: usize>(rows: &mut Rows<'_>, panel: usize) {
    let mut row = 0;
    unsafe {
        while const { ROWS > 1 } && row + ROWS <= rows.count {
            tile::<S, PANELS, ROWS>(rows, panel, row);
            row += ROWS;
        }
        while row < rows.count {
            tile::<S, PANELS, 1>(rows, panel, row);
            row += 1;
        }
    }
}

#[inline(always)]
unsafe fn tile<S: Sums, const PANELS: usize, const ROWS: usize>(rows: &mut Rows<'_>, panel: usize, row: usize) {
    let size = rows.groups * GROUP * PANEL;
    let mut a = rows.a.as_ptr().wrapping_add(row * rows.stride);
    let mut weights = rows.panels.as_ptr().wrapping_add(panel * size);
    let mut tile = [[unsafe { S::zero() }; PANELS]; ROWS];
    for _ in 0..rows.groups {
        let mut own = [unsafe { S::weights(weights) }; PANELS];
        unrolled!(p in PANELS => {
            own[p] = unsafe { S::weights(weights.wrapping_add(p * size)) };
        });
        unrolled!(r in ROWS => {
            let group = unsafe { S::group(a.wrapping_add(r * rows.stride)) };
            unrolled!(p in PANELS => {
                tile[r][p] = unsafe { tile[r][p].add(own[p], group) };
            });
        });
        a = a.wrapping_add(GROUP);
        weights = weights.wrapping_add(GROUP * PANEL);
    }
    unrolled!(r in ROWS => {
        unrolled!(p in PANELS => {
            let first = (panel + p) * PANEL;
            let mut sums = [0; PANEL];
            sums.copy_from_slice(&rows.start[first..][..PANEL]);
            unsafe { tile[r][p].add_to(&mut sums) };
            let scale = &rows.scale[first..][..PANEL];
            let mut results = [0.0; PANEL];
            for j in 0..PANEL {
                let result = sums[j] as f32 * scale[j];
                results[j] = if result > rows.floor { result } else { rows.floor };
            }
            write(&results, &mut rows.c[(row + r) * rows.step + first..], rows.width - first);
        });
    });
}

/// Writes the first of some results. To call a copy of any length takes as long as a small product.
#[inline]
fn write(results: &[f32; PANEL], to: &mut [f32], count: usize) {
    if let (PANEL.., Some(to)) = (count, to.first_chunk_mut()) {
        *to = *results;
        return;
    }
    let mut done = 0;
    for size in [8, 4, 2, 1] {
        let part = done..done + size;
        if let (true, Some(to), Some(from)) = (count & size > 0, to.get_mut(part.clone()), results.get(part)) {
            to.copy_from_slice(from);
            done += size;
        }
    }
}

/// The kernel by its definition.
#[cfg(any(test, not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))))]
mod portable {
    use super::{GROUP, PANEL, Rows, SHIFT, Sums, product};

    pub(super) unsafe fn run(rows: Rows<'_>) {
        unsafe { product::<Plain, 1, 1, 1>(rows) }
    }

    #[derive(Clone, Copy)]
    struct Plain([i32; PANEL]);

    impl Sums for Plain {
        type Weights = [[i8; GROUP]; PANEL];
        type Group = [i32; GROUP];

        #[inline(always)]
        unsafe fn zero() -> Self {
            Plain([0; PANEL])
        }

        #[inline(always)]
        unsafe fn weights(from: *const u8) -> Self::Weights {
            unsafe { from.cast::<Self::Weights>().read() }
        }

        #[inline(always)]
        unsafe fn group(from: *const u8) -> Self::Group {
            let bytes = unsafe { from.cast::<[u8; GROUP]>().read() };
            bytes.map(|byte| if SHIFT > 0 { i32::from(byte as i8) } else { i32::from(byte) })
        }

        #[inline(always)]
        unsafe fn add(mut self, weights: Self::Weights, group: Self::Group) -> Self {
            for j in 0..PANEL {
                for k in 0..GROUP {
                    self.0[j] += i32::from(weights[j][k]) * group[k];
                }
            }
            self
        }

        #[inline(always)]
        unsafe fn add_to(self, sums: &mut [i32; PANEL]) {
            for j in 0..PANEL {
                sums[j] += self.0[j];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[path = "dot_x86.rs"]
mod x86;

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
#[path = "dot_neon.rs"]
mod neon;
