//! The C ABI: the functions of `include/palmnet.h`, which documents them. All `unsafe` of the ABI is here.
//!
//! A function catches panics, turns failures into a text of its thread, and believes what the header asks of the caller:
//! that pointers which are not null point to what they should.

#![allow(unsafe_code)]

mod handle;

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{null, null_mut};
use std::slice::{from_raw_parts, from_raw_parts_mut};

use crate::base::error::{Error, Result};
use crate::base::text::counted;
use crate::model::Model;
use handle::Handle;

thread_local! {
    /// The message of the last failure in this thread.
    static FAILURE: RefCell<CString> = RefCell::default();
}

/// Runs the work of a function: returns its result, or remembers why there is none.
fn attempt<T>(work: impl FnOnce() -> Result<T>) -> Option<T> {
    // Half-done work of a panic is not seen: predictions change nothing, and training replaces the model at its end.
    let message = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(result)) => return Some(result),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
            format!("an error in palmnet itself: {}", text.unwrap_or("a panic without a message"))
        }
    };
    let text = CString::new(message.replace('\0', " ")).unwrap_or_default();
    // A thread that ends has no room for a message any more.
    let _ = FAILURE.try_with(|failure| failure.replace(text));
    None
}

fn status(result: Option<()>) -> c_int {
    if result.is_some() { 0 } else { -1 }
}

fn setting(message: impl Into<String>) -> Error {
    Error::Setting(message.into())
}

/// Returns the model of a handle.
///
/// # Safety
/// The pointer is null, or one that [`palmnet_load`] or [`palmnet_load_bytes`] returned and that is not freed.
unsafe fn model<'a>(model: *const Handle) -> Result<&'a Handle> {
    // SAFETY: as the caller promises.
    unsafe { model.as_ref() }.ok_or_else(|| setting("the model is NULL: palmnet_error tells why it was not loaded"))
}

/// Returns a text of C.
///
/// # Safety
/// The pointer is null, or points to a text that ends with a zero byte and is not written while it is read.
unsafe fn text<'a>(text: *const c_char, name: &dyn Fn() -> String) -> Result<&'a str> {
    if text.is_null() {
        return Err(setting(format!("{} is NULL", name())));
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|_| setting(format!("{} is not UTF-8", name())))
}

/// Returns `rows` × `columns` things of C.
///
/// # Safety
/// The pointer is null, or points to as many things that are not written while they are read.
unsafe fn things<'a, T>(things: *const T, rows: usize, columns: usize, name: &str) -> Result<&'a [T]> {
    let length = length::<T>(rows, columns, name)?;
    match (length, things.is_null()) {
        (0, _) => Ok(&[]),
        (_, true) => Err(setting(format!("{name} is NULL"))),
        // SAFETY: as the caller promises; the length has been checked.
        _ => Ok(unsafe { from_raw_parts(things, length) }),
    }
}

/// Returns the room for `rows` × `columns` numbers, which become zeros.
///
/// # Safety
/// The pointer is null, or points to room for as many numbers, which nothing else uses.
unsafe fn room<'a>(numbers: *mut f64, rows: usize, columns: usize) -> Result<&'a mut [f64]> {
    let length = length::<f64>(rows, columns, "outputs")?;
    match (length, numbers.is_null()) {
        (0, _) => Ok(&mut []),
        (_, true) => Err(setting("outputs is NULL")),
        // SAFETY: as the caller promises; the length has been checked, and all numbers are written before they are read.
        _ => Ok(unsafe {
            numbers.write_bytes(0, length);
            from_raw_parts_mut(numbers, length)
        }),
    }
}

/// Returns the number of things, if that many may be in memory.
fn length<T>(rows: usize, columns: usize, name: &str) -> Result<usize> {
    let most = isize::MAX as usize / size_of::<T>().max(1);
    let length = rows.checked_mul(columns).filter(|&length| length <= most);
    length.ok_or_else(|| setting(format!("{name}: {rows} rows are more than can be in memory")))
}

/// Returns the cells of C in rows; a null pointer is an empty cell.
///
/// # Safety
/// That of [`things`], and each cell is null or a text as [`text`] asks for.
unsafe fn cells<'a>(cells: *const *const c_char, rows: usize, columns: usize) -> Result<Vec<&'a str>> {
    // SAFETY: as the caller promises.
    let cells = unsafe { things(cells, rows, columns, "cells") }?;
    let place =
        |index: usize| move || format!("the cell of row {}, column {}", index / columns + 1, index % columns + 1);
    let cell = |(index, &cell): (usize, &*const c_char)| match cell.is_null() {
        true => Ok(""),
        // SAFETY: as the caller promises.
        false => unsafe { text(cell, &place(index)) },
    };
    cells.iter().enumerate().map(cell).collect()
}

#[unsafe(no_mangle)]
pub extern "C" fn palmnet_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[unsafe(no_mangle)]
pub extern "C" fn palmnet_error() -> *const c_char {
    FAILURE.try_with(|failure| failure.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_load(path: *const c_char) -> *mut Handle {
    // SAFETY: as the caller promises.
    let handle = attempt(|| unsafe { text(path, &|| "path".into()) }.and_then(Model::load).map(Handle::new));
    handle.map_or(null_mut(), |handle| Box::into_raw(Box::new(handle)))
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_load_bytes(bytes: *const c_void, length: usize) -> *mut Handle {
    let load = || {
        // SAFETY: as the caller promises.
        let bytes = unsafe { things(bytes.cast::<u8>(), length, 1, "bytes") }?;
        Model::from_bytes(bytes, "the model in memory").map(Handle::new)
    };
    attempt(load).map_or(null_mut(), |handle| Box::into_raw(Box::new(handle)))
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_free(model: *mut Handle) {
    if !model.is_null() {
        // SAFETY: the pointer is one that `Box::into_raw` returned, and is not used again, as the caller promises.
        attempt(|| {
            drop(unsafe { Box::from_raw(model) });
            Ok(())
        });
    }
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_save(model: *const Handle, path: *const c_char) -> c_int {
    // SAFETY: as the caller promises.
    status(attempt(|| unsafe { self::model(model)?.save(text(path, &|| "path".into())?) }))
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_columns(model: *const Handle) -> usize {
    // SAFETY: as the caller promises.
    attempt(|| Ok(unsafe { self::model(model) }?.columns.len())).unwrap_or(0)
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_targets(model: *const Handle) -> usize {
    // SAFETY: as the caller promises.
    attempt(|| Ok(unsafe { self::model(model) }?.targets)).unwrap_or(0)
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_outputs(model: *const Handle) -> usize {
    // SAFETY: as the caller promises.
    attempt(|| Ok(unsafe { self::model(model) }?.outputs.len())).unwrap_or(0)
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_column_name(model: *const Handle, column: usize) -> *const c_char {
    // SAFETY: as the caller promises.
    attempt(|| name(&unsafe { self::model(model) }?.columns, column, "column")).unwrap_or(null())
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_output_name(model: *const Handle, output: usize) -> *const c_char {
    // SAFETY: as the caller promises.
    attempt(|| name(&unsafe { self::model(model) }?.outputs, output, "output")).unwrap_or(null())
}

fn name(names: &[CString], index: usize, noun: &str) -> Result<*const c_char> {
    let name = names.get(index).map(|name| name.as_ptr());
    name.ok_or_else(|| setting(format!("there is no {noun} {index}: the model has {}", counted(names.len(), noun))))
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_predict(
    model: *const Handle,
    cells: *const *const c_char,
    rows: usize,
    outputs: *mut f64,
) -> c_int {
    // SAFETY: as the caller promises.
    let predict = || unsafe {
        let model = self::model(model)?;
        let cells = self::cells(cells, rows, model.columns.len())?;
        let found = model.predict_cells(&in_rows(&cells, model.columns.len()))?;
        // The cells may be overwritten from here on.
        model.write(&found, room(outputs, rows, model.outputs.len())?);
        Ok(())
    };
    status(attempt(predict))
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_predict_numbers(
    model: *const Handle,
    numbers: *const f64,
    rows: usize,
    outputs: *mut f64,
) -> c_int {
    // SAFETY: as the caller promises.
    let predict = || unsafe {
        let model = self::model(model)?;
        let found = model.predict_numbers(things(numbers, rows, model.columns.len(), "numbers")?)?;
        // The numbers may be overwritten from here on.
        model.write(&found, room(outputs, rows, model.outputs.len())?);
        Ok(())
    };
    status(attempt(predict))
}

/// # Safety
/// See `include/palmnet.h`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn palmnet_learn(
    model: *mut Handle,
    cells: *const *const c_char,
    rows: usize,
    learning_rate: f64,
    loss: *mut f64,
) -> c_int {
    // SAFETY: as the caller promises. `loss` may be null.
    let learn = || unsafe {
        let model = self::model(model)?;
        let columns = model.columns.len() + model.targets;
        let cells = self::cells(cells, rows, columns)?;
        let found = model.learn(&in_rows(&cells, columns), learning_rate as f32)?;
        if let Some(loss) = loss.as_mut() {
            *loss = found;
        }
        Ok(())
    };
    status(attempt(learn))
}

fn in_rows<'r, 'a>(cells: &'r [&'a str], columns: usize) -> Vec<&'r [&'a str]> {
    cells.chunks(columns.max(1)).collect()
}
