//! Full-text search within bounds. FTS5 tells a row that matches from one that does
//! not in one operation, which nothing interrupts, and some of it takes as long as
//! the product of the words of a row and those of a query. So every text passes by
//! here on its way into words: its words are counted, and the clock is looked at.
//! The functions whose time grows with the square of a text are taken away.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::Arc;

use rusqlite::{Connection, Error, ffi};

use super::clock::Clock;
use crate::threads::processors;

/// The tokenizers that all others are made of: `porter` works on one of these.
const TOKENIZERS: [&CStr; 3] = [c"unicode61", c"ascii", c"trigram"];

/// Functions of FTS5 that must not run, wherever they come from: a statement names
/// them, or has them as the function that `rank` stands for.
const REFUSED: [&CStr; 2] = [c"highlight", c"snippet"];

/// Words between two looks at the clock.
const WORDS_PER_LOOK: u32 = 256;

type OnToken =
    unsafe extern "C" fn(*mut c_void, c_int, *const c_char, c_int, c_int, c_int) -> c_int;

/// A tokenizer of SQLite's, and the clock of the connection that it is used on.
struct Kind {
    clock: Arc<Clock>,
    methods: ffi::fts5_tokenizer,
    data: *mut c_void,
}

/// The tokenizer of one table.
struct Tokenizer {
    clock: Arc<Clock>,
    methods: ffi::fts5_tokenizer,
    inner: *mut ffi::Fts5Tokenizer,
}

/// A text on its way into words.
struct Passage<'a> {
    clock: &'a Clock,
    is_query: bool,
    words: u32,
    context: *mut c_void,
    on_token: OnToken,
}

/// Bounds full-text search on a connection.
///
/// # Errors
/// When SQLite has none, or not as it is expected.
pub(in crate::storage) fn bound(
    connection: &Connection,
    clock: &Arc<Clock>,
) -> rusqlite::Result<()> {
    let api = api_of(connection)?;
    // SAFETY: it is the table of functions of this connection, which lives as long as
    // the connection, and is used by its thread alone.
    let table = unsafe { &*api };
    let (Some(find), Some(create), Some(create_function)) = (
        table.xFindTokenizer,
        table.xCreateTokenizer,
        table.xCreateFunction,
    ) else {
        return Err(error_of(ffi::SQLITE_MISUSE));
    };
    for name in TOKENIZERS {
        let mut kind = Box::new(Kind {
            clock: clock.clone(),
            methods: ffi::fts5_tokenizer {
                xCreate: None,
                xDelete: None,
                xTokenize: None,
            },
            data: ptr::null_mut(),
        });
        // SAFETY: all pointers are valid for the call; SQLite fills both pointers.
        check(unsafe {
            find(
                api,
                name.as_ptr(),
                &raw mut kind.data,
                &raw mut kind.methods,
            )
        })?;
        let mut methods = ffi::fts5_tokenizer {
            xCreate: Some(create_tokenizer),
            xDelete: Some(delete_tokenizer),
            xTokenize: Some(tokenize),
        };
        let kind = Box::into_raw(kind).cast();
        // SAFETY: SQLite copies the table and the name. What it is given to keep it
        // hands to `drop_kind` when the connection closes, and never where this fails.
        unsafe {
            let created = create(api, name.as_ptr(), kind, &raw mut methods, Some(drop_kind));
            if created != ffi::SQLITE_OK {
                drop_kind(kind);
            }
            check(created)?;
        }
    }
    for name in REFUSED {
        // SAFETY: SQLite copies the name, and the function keeps nothing.
        check(unsafe { create_function(api, name.as_ptr(), ptr::null_mut(), Some(refuse), None) })?;
    }
    Ok(())
}

/// FTS5's own functions, as its documentation has them be found.
fn api_of(connection: &Connection) -> rusqlite::Result<*mut ffi::fts5_api> {
    let mut api: *mut ffi::fts5_api = ptr::null_mut();
    let mut statement = ptr::null_mut();
    // SAFETY: the connection is open, and nothing else uses it meanwhile. The pointer
    // that is bound outlives the statement, which is finalized here whatever happens.
    unsafe {
        let prepared = ffi::sqlite3_prepare_v2(
            connection.handle(),
            c"select fts5(?1)".as_ptr(),
            -1,
            &raw mut statement,
            ptr::null_mut(),
        );
        check(prepared)?;
        let bound = ffi::sqlite3_bind_pointer(
            statement,
            1,
            (&raw mut api).cast(),
            c"fts5_api_ptr".as_ptr(),
            None,
        );
        if bound == ffi::SQLITE_OK {
            ffi::sqlite3_step(statement);
        }
        check(ffi::sqlite3_finalize(statement))?;
    }
    if api.is_null() {
        return Err(error_of(ffi::SQLITE_MISUSE));
    }
    Ok(api)
}

fn check(code: c_int) -> rusqlite::Result<()> {
    match code {
        ffi::SQLITE_OK => Ok(()),
        code => Err(error_of(code)),
    }
}

fn error_of(code: c_int) -> Error {
    Error::SqliteFailure(
        ffi::Error::new(code),
        Some("full-text search cannot be bounded".to_owned()),
    )
}

// SAFETY, of all that follow: SQLite calls them as FTS5's documentation says, with
// what came from here, or from the tokenizer beneath, which gets what is its own.

unsafe extern "C" fn drop_kind(kind: *mut c_void) {
    // SAFETY: see above; it comes from `Box::into_raw`, and is handed back once.
    drop(unsafe { Box::from_raw(kind.cast::<Kind>()) });
}

unsafe extern "C" fn create_tokenizer(
    kind: *mut c_void,
    arguments: *mut *const c_char,
    count: c_int,
    made: *mut *mut ffi::Fts5Tokenizer,
) -> c_int {
    // SAFETY: see above.
    unsafe {
        let kind = &*kind.cast::<Kind>();
        let Some(create) = kind.methods.xCreate else {
            return ffi::SQLITE_ERROR;
        };
        let mut inner = ptr::null_mut();
        let code = create(kind.data, arguments, count, &raw mut inner);
        if code == ffi::SQLITE_OK {
            let tokenizer = Box::new(Tokenizer {
                clock: kind.clock.clone(),
                methods: kind.methods,
                inner,
            });
            *made = Box::into_raw(tokenizer).cast();
        }
        code
    }
}

unsafe extern "C" fn delete_tokenizer(tokenizer: *mut ffi::Fts5Tokenizer) {
    // SAFETY: see above; it comes from `Box::into_raw`, and is handed back once.
    unsafe {
        let tokenizer = Box::from_raw(tokenizer.cast::<Tokenizer>());
        if let Some(delete) = tokenizer.methods.xDelete {
            delete(tokenizer.inner);
        }
    }
}

unsafe extern "C" fn tokenize(
    tokenizer: *mut ffi::Fts5Tokenizer,
    context: *mut c_void,
    flags: c_int,
    text: *const c_char,
    bytes: c_int,
    on_token: Option<OnToken>,
) -> c_int {
    // SAFETY: see above.
    let tokenizer = unsafe { &*tokenizer.cast::<Tokenizer>() };
    let (Some(tokenize), Some(on_token)) = (tokenizer.methods.xTokenize, on_token) else {
        return ffi::SQLITE_ERROR;
    };
    let is_query = flags & ffi::FTS5_TOKENIZE_QUERY != 0;
    if is_query && !tokenizer.clock.takes_phrase() {
        return ffi::SQLITE_TOOBIG;
    }
    let mut passage = Passage {
        clock: &tokenizer.clock,
        is_query,
        words: 0,
        context,
        on_token,
    };
    // SAFETY: see above. The passage outlives the call, in which alone it is used.
    unsafe {
        tokenize(
            tokenizer.inner,
            (&raw mut passage).cast(),
            flags,
            text,
            bytes,
            Some(pass_on),
        )
    }
}

unsafe extern "C" fn pass_on(
    passage: *mut c_void,
    flags: c_int,
    token: *const c_char,
    bytes: c_int,
    start: c_int,
    end: c_int,
) -> c_int {
    // SAFETY: see above.
    let passage = unsafe { &mut *passage.cast::<Passage<'_>>() };
    let fits = if passage.is_query {
        passage.clock.takes_phrase_word()
    } else {
        passage.clock.takes_word()
    };
    if !fits {
        return ffi::SQLITE_TOOBIG;
    }
    passage.words += 1;
    if passage.words.is_multiple_of(WORDS_PER_LOOK) {
        processors::yield_if_background();
        if passage.clock.expired() {
            return ffi::SQLITE_INTERRUPT;
        }
    }
    // SAFETY: see above.
    unsafe { (passage.on_token)(passage.context, flags, token, bytes, start, end) }
}

unsafe extern "C" fn refuse(
    _: *const ffi::Fts5ExtensionApi,
    _: *mut ffi::Fts5Context,
    context: *mut ffi::sqlite3_context,
    _: c_int,
    _: *mut *mut ffi::sqlite3_value,
) {
    let refused = c"highlight and snippet take as long as the square of a text: they are refused";
    // SAFETY: see above. SQLite copies the text.
    unsafe { ffi::sqlite3_result_error(context, refused.as_ptr(), -1) };
}
