/* The walks of deid/structure.py (scan) and deid/walker.py (Plan), compiled: same input, same bytes, same errors.
 *
 * Little endian only. Every read is checked against the end of the enclosing item; the only state is the tables
 * of what to do by tag, which Python fills on demand. Tested byte for byte against the Python classes.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>
#ifndef _WIN32
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "_sha256.h"

#define UNDEFINED 0xFFFFFFFFu
#define ITEM 0xFFFEE000u
#define ITEM_END 0xFFFEE00Du
#define SEQUENCE_END 0xFFFEE0DDu
#define DEEPEST 64
#define MEMO_LIMIT 20000
#define PLACES 4096 /* more than deid.standard.places() has */
enum { KEEP, REMOVE, EMPTY, CALL, DUMMY };
enum { KEPT, REPLACED, EMPTIED, REMOVED };
enum { IS_SEQUENCE = 1, COLLECT_TOP = 2, WHO = 4, TELLING = 8 };
enum { NO_NATIVE, NATIVE_DA, NATIVE_DT, NATIVE_TM, NATIVE_UID };

static PyObject *structure_error; /* deid.structure.StructureError */

static Py_ssize_t refuse(const char *code)
{
    PyObject *error = PyObject_CallFunction(structure_error, "s", code);
    if (error) {
        PyErr_SetObject(structure_error, error);
        Py_DECREF(error);
    }
    return -1;
}

static inline uint32_t u16(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t u32(const uint8_t *p) { return u16(p) | u16(p + 2) << 16; }
static inline uint32_t tag_at(const uint8_t *p) { return u16(p) << 16 | u16(p + 2); }
static inline int is_pixels(uint32_t tag) { return tag == 0x7FE00008u || tag == 0x7FE00009u || tag == 0x7FE00010u; }

#define VR(a, b) ((a) | (b) << 8)
/* 2: two bytes of length; 4: four; 0: no VR (PS3.5 7.1.2) */
static int vr_kind(uint32_t vr)
{
    switch (vr) {
    case VR('O', 'B'): case VR('O', 'D'): case VR('O', 'F'): case VR('O', 'L'): case VR('O', 'V'): case VR('O', 'W'):
    case VR('S', 'Q'): case VR('S', 'V'): case VR('U', 'C'): case VR('U', 'N'): case VR('U', 'R'): case VR('U', 'T'):
    case VR('U', 'V'):
        return 4;
    case VR('A', 'E'): case VR('A', 'S'): case VR('A', 'T'): case VR('C', 'S'): case VR('D', 'A'): case VR('D', 'S'):
    case VR('D', 'T'): case VR('F', 'D'): case VR('F', 'L'): case VR('I', 'S'): case VR('L', 'O'): case VR('L', 'T'):
    case VR('P', 'N'): case VR('S', 'H'): case VR('S', 'L'): case VR('S', 'S'): case VR('S', 'T'): case VR('T', 'M'):
    case VR('U', 'I'): case VR('U', 'L'): case VR('U', 'S'):
        return 2;
    }
    return 0;
}

/* ---- reading ---- */

typedef struct {
    const uint8_t *data;
    Py_ssize_t size;
    const char *too_short; /* "truncated" or "more" */
} Reader;

typedef struct {
    uint32_t tag, vr, length; /* vr 0: implicit */
    Py_ssize_t start;
} Element;

static int need(const Reader *r, Py_ssize_t position, Py_ssize_t count, Py_ssize_t end)
{
    if (count <= end - position)
        return 0;
    return (int)refuse(count > r->size - position ? r->too_short : "malformed");
}

static int read_element(const Reader *r, Py_ssize_t p, Py_ssize_t end, int implicit, Element *e)
{
    if (need(r, p, 8, end))
        return -1;
    e->tag = tag_at(r->data + p);
    if (e->tag >> 16 == 0xFFFE)
        return (int)refuse("malformed");
    if (implicit) {
        e->vr = 0;
        e->start = p + 8;
        e->length = u32(r->data + p + 4);
    } else {
        e->vr = u16(r->data + p + 4);
        switch (vr_kind(e->vr)) {
        case 2:
            e->start = p + 8;
            e->length = u16(r->data + p + 6);
            break;
        case 4:
            if (need(r, p, 12, end))
                return -1;
            e->start = p + 12;
            e->length = u32(r->data + p + 8);
            break;
        default:
            return (int)refuse("malformed");
        }
    }
    if (e->length != UNDEFINED && need(r, e->start, (Py_ssize_t)e->length, end))
        return -1;
    return 0;
}

/* 1: an item; 0: the end of the sequence; -1: an error */
static int read_item(const Reader *r, Py_ssize_t p, Py_ssize_t end, int delimited, uint32_t *length)
{
    uint32_t tag;
    if (p == end && !delimited)
        return 0;
    if (need(r, p, 8, end))
        return -1;
    tag = tag_at(r->data + p);
    *length = u32(r->data + p + 4);
    if (tag == SEQUENCE_END && delimited)
        return 0;
    if (tag != ITEM)
        return (int)refuse("malformed");
    if (*length != UNDEFINED && need(r, p + 8, (Py_ssize_t)*length, end))
        return -1;
    return 1;
}

static Py_ssize_t skip_fragments(const Reader *r, Py_ssize_t p, Py_ssize_t end)
{
    for (;;) {
        uint32_t tag, length;
        if (need(r, p, 8, end))
            return -1;
        tag = tag_at(r->data + p);
        length = u32(r->data + p + 4);
        p += 8;
        if (tag == SEQUENCE_END)
            return p;
        if (tag != ITEM || length == UNDEFINED)
            return refuse("malformed");
        if (need(r, p, (Py_ssize_t)length, end))
            return -1;
        p += length;
    }
}

static Py_ssize_t behind(const Reader *r, const Element *e, Py_ssize_t end, int implicit, int depth);

static Py_ssize_t skip_data_set(const Reader *r, Py_ssize_t p, Py_ssize_t end, int implicit, int depth)
{
    if (depth > DEEPEST)
        return refuse("malformed");
    for (;;) {
        Element e;
        if (need(r, p, 8, end))
            return -1;
        if (tag_at(r->data + p) == ITEM_END)
            return p + 8;
        if (read_element(r, p, end, implicit, &e))
            return -1;
        p = behind(r, &e, end, implicit, depth);
        if (p < 0)
            return -1;
    }
}

static Py_ssize_t skip_items(const Reader *r, Py_ssize_t p, Py_ssize_t end, int implicit, int depth)
{
    for (;;) {
        uint32_t length;
        int found = read_item(r, p, end, 1, &length);
        if (found < 0)
            return -1;
        if (!found)
            return p + 8;
        if (length == UNDEFINED) {
            p = skip_data_set(r, p + 8, end, implicit, depth + 1);
            if (p < 0)
                return -1;
        } else
            p += 8 + (Py_ssize_t)length;
    }
}

static Py_ssize_t behind(const Reader *r, const Element *e, Py_ssize_t end, int implicit, int depth)
{
    if (e->length != UNDEFINED)
        return e->start + (Py_ssize_t)e->length;
    if (is_pixels(e->tag))
        return skip_fragments(r, e->start, end);
    return skip_items(r, e->start, end, implicit || e->vr == VR('U', 'N'), depth);
}

/* ---- tables by tag ---- */

typedef struct {
    uint32_t tag;
    uint8_t kind, sequence, items, nvr, facts, native;
    uint16_t vrs[4], inside;
    PyObject *call, *memo, *explicit_dummy, *implicit_dummy;
    PyObject *last, *last_new; /* what was asked of the memo last, and its answer: mostly it comes again */
    unsigned long long n[4];
} Entry;

typedef struct {
    Entry **slots;
    size_t size, count;
} Table;

static Entry **slot_of(Table *t, uint32_t tag)
{
    size_t at = (tag * 2654435761u) & (t->size - 1);
    while (t->slots[at] && t->slots[at]->tag != tag)
        at = (at + 1) & (t->size - 1);
    return &t->slots[at];
}

static int table_grow(Table *t)
{
    Table bigger = {NULL, t->size ? t->size * 2 : 1024, t->count};
    bigger.slots = PyMem_Calloc(bigger.size, sizeof(Entry *));
    if (!bigger.slots) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t at = 0; at < t->size; at++)
        if (t->slots[at])
            *slot_of(&bigger, t->slots[at]->tag) = t->slots[at];
    PyMem_Free(t->slots);
    *t = bigger;
    return 0;
}

static Entry *entry_new(Table *t, uint32_t tag)
{
    Entry *e;
    if (t->count * 2 >= t->size && table_grow(t))
        return NULL;
    e = PyMem_Calloc(1, sizeof(Entry));
    if (!e)
        return (Entry *)PyErr_NoMemory();
    e->tag = tag;
    *slot_of(t, tag) = e;
    t->count++;
    return e;
}

static void entry_free(Entry *e)
{
    if (!e)
        return;
    Py_XDECREF(e->call);
    Py_XDECREF(e->memo);
    Py_XDECREF(e->last);
    Py_XDECREF(e->last_new);
    Py_XDECREF(e->explicit_dummy);
    Py_XDECREF(e->implicit_dummy);
    PyMem_Free(e);
}

static void table_free(Table *t)
{
    for (size_t at = 0; at < t->size; at++)
        entry_free(t->slots[at]);
    PyMem_Free(t->slots);
    t->slots = NULL;
    t->size = t->count = 0;
}

/* Fill an entry from deid.walker.Entry (kind, sequence, items, vrs, call, dummy, native, inside). */
static int entry_fill(Entry *e, PyObject *found)
{
    int kind, sequence, items, native, inside;
    const char *vrs;
    Py_ssize_t nvrs;
    PyObject *call, *first, *second;
    if (!PyTuple_Check(found)) {
        PyErr_SetString(PyExc_TypeError, "an Entry is expected");
        return -1;
    }
    if (!PyArg_ParseTuple(found, "ipiy#O(SS)ii", &kind, &sequence, &items, &vrs, &nvrs, &call, &first, &second,
                          &native, &inside))
        return -1;
    if (inside < 1 || inside >= PLACES) {
        PyErr_SetString(PyExc_ValueError, "items lie in a place from 1 up");
        return -1;
    }
    e->inside = (uint16_t)inside;
    e->kind = (uint8_t)kind;
    e->sequence = (uint8_t)sequence;
    e->items = (uint8_t)items;
    e->native = (uint8_t)native;
    for (Py_ssize_t at = 0; at + 1 < nvrs && e->nvr < 4; at += 2)
        e->vrs[e->nvr++] = (uint16_t)u16((const uint8_t *)vrs + at);
    if (kind == CALL) {
        if (!PyCallable_Check(call)) {
            PyErr_SetString(PyExc_TypeError, "an Entry that calls needs something to call");
            return -1;
        }
        e->call = Py_NewRef(call);
        e->memo = PyDict_New();
        if (!e->memo)
            return -1;
    }
    e->explicit_dummy = Py_NewRef(first);
    e->implicit_dummy = Py_NewRef(second);
    return 0;
}

/* ---- Scanner ---- */

typedef struct {
    PyObject_HEAD
    PyObject *facts;
    Table table;
    PyObject *who; /* of the last object, as a list: within a series it comes again, and need not be made again */
} Scanner;

typedef struct {
    Reader r;
    Scanner *scanner;
    PyObject *top, *who, *before; /* `before`: who of the last object */
    Py_ssize_t same;              /* so much of it came again; -1: no more, `who` is one of its own */
    int telling;
} Scanning;

#define MOST_WHO 1000 /* no longer list is kept */

/* The n-th of what the last object said of who, where this one says the same; NULL where not. */
static PyObject *same_who(const Scanning *s, const Element *e)
{
    PyObject *pair, *value;
    if (s->same < 0 || s->same >= PyList_GET_SIZE(s->before))
        return NULL;
    pair = PyList_GET_ITEM(s->before, s->same);
    value = PyTuple_GET_ITEM(pair, 1);
    if (PyLong_AsUnsignedLong(PyTuple_GET_ITEM(pair, 0)) != e->tag ||
        PyBytes_GET_SIZE(value) != (Py_ssize_t)e->length ||
        memcmp(PyBytes_AS_STRING(value), s->r.data + e->start, e->length))
        return NULL;
    return pair;
}

/* Go on with a list of one's own. */
static int own_who(Scanning *s)
{
    if (s->same >= 0) {
        s->who = PyList_GetSlice(s->before, 0, s->same);
        s->same = -1;
    }
    return s->who ? 0 : -1;
}

static int facts_of(Scanner *s, uint32_t tag)
{
    Entry *e = s->table.size ? *slot_of(&s->table, tag) : NULL;
    if (!e) {
        PyObject *number = PyObject_CallFunction(s->facts, "k", (unsigned long)tag);
        long value;
        if (!number)
            return -1;
        value = PyLong_AsLong(number);
        Py_DECREF(number);
        if (value == -1 && PyErr_Occurred())
            return -1;
        if (s->table.count > 100000) /* hostile input: no more memory than that */
            table_free(&s->table);
        e = entry_new(&s->table, tag);
        if (!e)
            return -1;
        e->facts = (uint8_t)value;
    }
    return e->facts;
}

static Py_ssize_t scan_data_set(Scanning *s, Py_ssize_t p, Py_ssize_t end, int depth, int implicit, int delimited)
{
    const Reader *r = &s->r;
    uint32_t last = 0;
    int first = 1;
    if (depth > DEEPEST)
        return refuse("malformed");
    for (;;) {
        Element e;
        int facts, inner;
        if (p == end && !delimited)
            return p;
        if (need(r, p, 8, end))
            return -1;
        if (delimited && tag_at(r->data + p) == ITEM_END)
            return p + 8;
        if (depth == 0 && is_pixels(tag_at(r->data + p)))
            return p;
        if (read_element(r, p, end, implicit, &e))
            return -1;
        if (!first && e.tag <= last)
            return refuse("disorder");
        first = 0;
        last = e.tag;
        facts = facts_of(s->scanner, e.tag);
        if (facts < 0)
            return -1;
        if (e.length == UNDEFINED && is_pixels(e.tag)) {
            p = skip_fragments(r, e.start, end);
            if (p < 0)
                return -1;
            continue;
        }
        inner = implicit || e.vr == VR('U', 'N');
        if (e.vr == VR('S', 'Q') || e.length == UNDEFINED || ((facts & IS_SEQUENCE) && inner)) {
            int open_ended = e.length == UNDEFINED;
            Py_ssize_t stop = open_ended ? end : e.start + (Py_ssize_t)e.length;
            if (depth && (facts & TELLING))
                s->telling = 1;
            p = e.start;
            for (;;) {
                uint32_t length;
                int found = read_item(r, p, stop, open_ended, &length);
                if (found < 0)
                    return -1;
                if (!found)
                    break;
                p += 8;
                p = scan_data_set(s, p, length == UNDEFINED ? stop : p + (Py_ssize_t)length, depth + 1, inner,
                                  length == UNDEFINED);
                if (p < 0)
                    return -1;
            }
            if (open_ended)
                p += 8;
            continue;
        }
        if ((facts & (WHO | COLLECT_TOP)) || e.vr == VR('P', 'N')) {
            int top = depth == 0 && (facts & COLLECT_TOP);
            int identifies = (facts & WHO) || e.vr == VR('P', 'N');
            PyObject *pair = identifies ? same_who(s, &e) : NULL;
            int again = pair != NULL, bad;
            if (again)
                Py_INCREF(pair);
            else if (top || identifies)
                pair = Py_BuildValue("ky#", (unsigned long)e.tag, (const char *)r->data + e.start,
                                     (Py_ssize_t)e.length);
            else
                pair = Py_NewRef(Py_None);
            if (!pair)
                return -1;
            bad = top && PyDict_SetItem(s->top, PyTuple_GET_ITEM(pair, 0), PyTuple_GET_ITEM(pair, 1));
            if (again)
                s->same++;
            else if (identifies)
                bad = bad || own_who(s) || PyList_Append(s->who, pair);
            Py_DECREF(pair);
            if (bad)
                return -1;
        }
        if (depth && (facts & TELLING))
            s->telling = 1;
        p = e.start + (Py_ssize_t)e.length;
    }
}

/* Scan from `start` to where the pixel data begin, or -1. Whatever comes of it, scan_end must follow. */
static Py_ssize_t scan_begin(Scanner *self, Scanning *s, const uint8_t *data, Py_ssize_t size, Py_ssize_t start,
                             int implicit, int complete)
{
    s->r.data = data;
    s->r.size = size;
    s->r.too_short = complete ? "truncated" : "more";
    s->scanner = self;
    s->telling = 0;
    s->same = 0;
    s->who = NULL;
    s->top = PyDict_New();
    s->before = self->who ? Py_NewRef(self->who) : PyList_New(0);
    if (!s->top || !s->before)
        return -1;
    if (start < 0 || start > size)
        return refuse("malformed");
    start = scan_data_set(s, start, size, 0, implicit, 0);
    if (start < 0)
        return -1;
    if (s->same == PyList_GET_SIZE(s->before)) {
        s->who = Py_NewRef(s->before);
        s->same = -1;
    }
    if (own_who(s))
        return -1;
    if (PyList_GET_SIZE(s->who) <= MOST_WHO)
        Py_XSETREF(self->who, Py_NewRef(s->who));
    return start;
}

static void scan_end(Scanning *s)
{
    Py_XDECREF(s->top);
    Py_XDECREF(s->who);
    Py_XDECREF(s->before);
}

static PyObject *scanner_scan(Scanner *self, PyObject *args)
{
    Py_buffer buffer;
    Py_ssize_t start;
    int implicit, complete;
    Scanning s;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*npp", &buffer, &start, &implicit, &complete))
        return NULL;
    start = scan_begin(self, &s, buffer.buf, buffer.len, start, implicit, complete);
    if (start >= 0)
        result = Py_BuildValue("nOOO", start, s.top, s.who, s.telling ? Py_True : Py_False);
    scan_end(&s);
    PyBuffer_Release(&buffer);
    return result;
}

#ifndef _WIN32
/* Where the data set of a file begins; *implicit says how it is encoded. 0 where anything is unusual. */
static Py_ssize_t plain_meta(const uint8_t *data, Py_ssize_t size, int *implicit)
{
    static const uint8_t begin[12] = {'D', 'I', 'C', 'M', 2, 0, 0, 0, 'U', 'L', 4, 0};
    static const char name[] = "1.2.840.10008.1.2.1";
    Py_ssize_t p = 132, body;
    uint32_t last = 0;
    int known = 0;
    if (size < 144 || memcmp(data + 128, begin, 12))
        return 0;
    body = 144 + (Py_ssize_t)u32(data + 140);
    if (body + 2 > size || u16(data + body) == 2)
        return 0;
    while (p < body) {
        uint32_t tag, vr, length;
        if (p + 8 > body)
            return 0;
        tag = tag_at(data + p);
        vr = u16(data + p + 4);
        length = u16(data + p + 6);
        p += 8;
        if (tag >> 16 != 2 || tag <= last || vr == VR('S', 'Q') || vr == VR('U', 'N') || !vr_kind(vr))
            return 0;
        last = tag;
        if (vr_kind(vr) == 4) {
            if (p + 4 > body)
                return 0;
            length = u32(data + p);
            p += 4;
        }
        if ((Py_ssize_t)length > body - p)
            return 0;
        if (tag == 0x00020010u) {
            uint32_t text = length;
            while (text && (data[p + text - 1] == 0 || data[p + text - 1] == ' '))
                text--;
            if ((text != sizeof name - 1 && text != sizeof name - 3) || memcmp(data + p, name, text))
                return 0;
            *implicit = text == sizeof name - 3;
            known = 1;
        }
        p += (Py_ssize_t)length;
    }
    return known ? body : 0;
}

/* read(fd, count): a file as most are, in one go: what deid.original needs of it, or None for one that has anything
 * unusual about it, or needs more than `count` bytes; Python then looks at it step by step, and says what is wrong. */
static PyObject *scanner_read(Scanner *self, PyObject *args)
{
    int fd, implicit = 0;
    Py_ssize_t count, got, body, stop, start, end;
    struct stat found;
    PyObject *data, *result = NULL;
    const uint8_t *bytes;
    Scanning s;
    if (!PyArg_ParseTuple(args, "in", &fd, &count))
        return NULL;
    if (fstat(fd, &found) || found.st_size <= 0 || count <= 0)
        Py_RETURN_NONE;
    if (count > found.st_size)
        count = found.st_size;
    data = PyBytes_FromStringAndSize(NULL, count);
    if (!data)
        return NULL;
    bytes = (const uint8_t *)PyBytes_AS_STRING(data);
    Py_BEGIN_ALLOW_THREADS
    got = pread(fd, PyBytes_AS_STRING(data), (size_t)count, 0);
    Py_END_ALLOW_THREADS
    body = got == count ? plain_meta(bytes, count, &implicit) : 0;
    if (!body) {
        Py_DECREF(data);
        Py_RETURN_NONE;
    }
    stop = scan_begin(self, &s, bytes, count, body, implicit, count == found.st_size);
    start = stop + (implicit ? 8 : 12);
    if (stop == count && count == found.st_size)
        result = Py_BuildValue("OniOOOnnn", data, body, implicit, s.top, s.who, s.telling ? Py_True : Py_False, stop,
                               stop, (Py_ssize_t)found.st_size);
    else if (stop >= 0 && start <= count && (implicit || vr_kind(u16(bytes + stop + 4)) == 4) &&
             u32(bytes + start - 4) != UNDEFINED) {
        end = start + (Py_ssize_t)u32(bytes + start - 4);
        if (end == found.st_size)
            result = Py_BuildValue("OniOOOnnn", data, body, implicit, s.top, s.who, s.telling ? Py_True : Py_False,
                                   stop, start, end);
    }
    scan_end(&s);
    Py_DECREF(data);
    if (!result && (!PyErr_Occurred() || PyErr_ExceptionMatches(structure_error))) {
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    return result;
}
#endif

static int scanner_init(Scanner *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *facts;
    if (!PyArg_ParseTuple(args, "O", &facts))
        return -1;
    Py_XSETREF(self->facts, Py_NewRef(facts));
    return 0;
}

static int scanner_traverse(Scanner *self, visitproc visit, void *arg)
{
    Py_VISIT(self->facts);
    Py_VISIT(self->who);
    return 0;
}

static int scanner_clear(Scanner *self)
{
    Py_CLEAR(self->facts);
    Py_CLEAR(self->who);
    return 0;
}

static void scanner_dealloc(Scanner *self)
{
    PyObject_GC_UnTrack(self);
    scanner_clear(self);
    table_free(&self->table);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef scanner_methods[] = {
    {"scan", (PyCFunction)scanner_scan, METH_VARARGS,
     "scan(data, start, implicit, complete) -> (stop, top, who, telling_items); see deid.structure.scan."},
#ifndef _WIN32
    {"read", (PyCFunction)scanner_read, METH_VARARGS,
     "read(fd, count) -> (data, body, implicit, top, who, telling_items, stop, start, end) or None where anything is "
     "unusual; see deid.original."},
#endif
    {NULL}};

static PyTypeObject ScannerType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "deid._walker.Scanner",
    .tp_doc = "Scanner(facts): deid.structure.scan, compiled.",
    .tp_basicsize = sizeof(Scanner),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)scanner_init,
    .tp_traverse = (traverseproc)scanner_traverse,
    .tp_clear = (inquiry)scanner_clear,
    .tp_dealloc = (destructor)scanner_dealloc,
    .tp_methods = scanner_methods,
};

/* ---- Plan ---- */

typedef struct {
    uint8_t length, size; /* 0: nothing here */
    uint8_t uid[64];
    char new[48];
} KnownUid;

#define KNOWN_UIDS 64 /* a power of two */

typedef struct {
    PyObject_HEAD
    PyObject *resolve, *block, *private_, *odd;
    PyObject *blocks;   /* creator + group -> bool */
    PyObject *privates; /* creator + group + low byte -> index + 1, or 0 */
    Table *tables; /* by place, see deid.standard.places */
    int n_tables;
    Entry **private_entries;
    size_t n_private;
    long days;
    int has_secret; /* for UIDs: HMAC-SHA256 states behind the padded key, and what precedes the UID */
    uint32_t inner[8], outer[8];
    uint8_t prefix[256];
    size_t n_prefix;
    KnownUid known[KNOWN_UIDS]; /* study, series and references come again with each object */
    unsigned long long private_kept, private_removed;
} Plan;

typedef struct {
    Reader r;
    Plan *plan;
    PyObject *bytes; /* the result; `out` is inside it */
    uint8_t *out;
    size_t size, capacity;
    PyObject *inserts; /* list of (tag, bytes) */
    Py_ssize_t next;
} Walk;

static int put(Walk *w, const void *bytes, size_t count)
{
    if (!count)
        return 0; /* memcpy from or to nowhere is undefined even for no bytes */
    if (w->size + count > w->capacity) {
        size_t capacity = (w->size + count) * 2;
        if (_PyBytes_Resize(&w->bytes, (Py_ssize_t)capacity))
            return -1;
        w->out = (uint8_t *)PyBytes_AS_STRING(w->bytes);
        w->capacity = capacity;
    }
    memcpy(w->out + w->size, bytes, count);
    w->size += count;
    return 0;
}

static void set_u32(uint8_t *p, uint32_t value)
{
    p[0] = value & 0xFF;
    p[1] = value >> 8 & 0xFF;
    p[2] = value >> 16 & 0xFF;
    p[3] = value >> 24;
}

static int put_header(Walk *w, const Element *e, size_t length, int implicit)
{
    uint8_t header[12] = {e->tag >> 16 & 0xFF, e->tag >> 24, e->tag & 0xFF, e->tag >> 8 & 0xFF};
    if (length > 0xFFFFFFFEu)
        return (int)refuse("malformed");
    if (implicit) {
        set_u32(header + 4, (uint32_t)length);
        return put(w, header, 8);
    }
    header[4] = e->vr & 0xFF;
    header[5] = e->vr >> 8;
    if (vr_kind(e->vr) == 4) {
        set_u32(header + 8, (uint32_t)length);
        return put(w, header, 12);
    }
    if (length > 0xFFFF)
        return (int)refuse("malformed");
    header[6] = length & 0xFF;
    header[7] = (uint8_t)(length >> 8);
    return put(w, header, 8);
}

static int tables_grow(Plan *plan, int place)
{
    Table *more = PyMem_Realloc(plan->tables, ((size_t)place + 1) * sizeof *more);
    if (!more) {
        PyErr_NoMemory();
        return -1;
    }
    memset(more + plan->n_tables, 0, (size_t)(place + 1 - plan->n_tables) * sizeof *more);
    plan->tables = more;
    plan->n_tables = place + 1;
    return 0;
}

static Entry *entry_of(Plan *plan, uint32_t tag, int place)
{
    Table *t;
    Entry *e;
    if (place >= plan->n_tables && tables_grow(plan, place))
        return NULL;
    t = &plan->tables[place];
    e = t->size ? *slot_of(t, tag) : NULL;
    if (!e) {
        PyObject *found = PyObject_CallFunction(plan->resolve, "ki", (unsigned long)tag, place);
        if (!found)
            return NULL;
        t = &plan->tables[place];
        e = PyMem_Calloc(1, sizeof(Entry));
        if (!e || entry_fill(e, found) || (t->count * 2 >= t->size && table_grow(t))) {
            Py_DECREF(found);
            entry_free(e);
            return PyErr_Occurred() ? NULL : (Entry *)PyErr_NoMemory();
        }
        Py_DECREF(found);
        e->tag = tag;
        *slot_of(t, tag) = e;
        t->count++;
    }
    return e;
}

/* New value of a value: a borrowed bytes object or None; NULL on error. */
static PyObject *called(Entry *e, const uint8_t *value, Py_ssize_t length, uint32_t vr, int local)
{
    uint8_t small[256], *key = small;
    uint8_t vr_bytes[2] = {vr & 0xFF, vr >> 8};
    PyObject *name, *new = NULL;
    if (e->last && PyBytes_GET_SIZE(e->last) == length + 3) {
        const uint8_t *last = (const uint8_t *)PyBytes_AS_STRING(e->last);
        if (last[length] == vr_bytes[0] && last[length + 1] == vr_bytes[1] && last[length + 2] == local &&
            !memcmp(last, value, (size_t)length))
            return e->last_new;
    }
    if ((size_t)length + 3 > sizeof small && !(key = PyMem_Malloc((size_t)length + 3)))
        return PyErr_NoMemory();
    memcpy(key, value, (size_t)length);
    key[length] = vr_bytes[0];
    key[length + 1] = vr_bytes[1];
    key[length + 2] = (uint8_t)local;
    name = PyBytes_FromStringAndSize((const char *)key, length + 3);
    if (key != small)
        PyMem_Free(key);
    if (!name)
        return NULL;
    new = PyDict_GetItemWithError(e->memo, name);
    if (!new && !PyErr_Occurred()) {
        PyObject *found = PyObject_CallFunction(e->call, "y#y#O", (const char *)value, length, (const char *)vr_bytes,
                                                (Py_ssize_t)(vr ? 2 : 0), local ? Py_True : Py_False);
        if (found && found != Py_None && !PyBytes_Check(found)) {
            PyErr_SetString(PyExc_TypeError, "a handler gives bytes or None");
            Py_CLEAR(found);
        }
        if (found) {
            if (PyDict_GET_SIZE(e->memo) >= MEMO_LIMIT)
                PyDict_Clear(e->memo);
            if (!PyDict_SetItem(e->memo, name, found))
                new = found; /* the memo holds it */
            Py_DECREF(found);
        }
    }
    if (new) {
        Py_XSETREF(e->last_new, Py_NewRef(new));
        Py_XSETREF(e->last, name);
    } else
        Py_DECREF(name);
    return new;
}

static int digits(const uint8_t *p, int count)
{
    int value = 0;
    for (int at = 0; at < count; at++) {
        if (p[at] < '0' || p[at] > '9')
            return -1;
        value = value * 10 + p[at] - '0';
    }
    return value;
}

/* Whether HH[MM[SS[.F{1,6}]]] fills the value; nothing else is decided here. */
static int plain_time(const uint8_t *p, Py_ssize_t length)
{
    int hour, part;
    if (length < 2 || (hour = digits(p, 2)) < 0 || hour > 23)
        return 0;
    if (length == 2)
        return 1;
    if (length < 4 || (part = digits(p + 2, 2)) < 0 || part > 59)
        return 0;
    if (length == 4)
        return 1;
    if (length < 6 || (part = digits(p + 4, 2)) < 0 || part > 60)
        return 0;
    if (length == 6)
        return 1;
    return p[6] == '.' && length >= 8 && length <= 13 && digits(p + 7, (int)length - 7) >= 0;
}

/* Move YYYYMMDD by days into `out`; 0 where it is no date of the years 1 to 9999 before and after. The calendar is
 * the proleptic Gregorian one, days counted from 0000-03-01 (H. Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static int moved_date(const uint8_t *p, long days, uint8_t *out)
{
    static const int lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = digits(p, 4), month = digits(p + 4, 2), day = digits(p + 6, 2), leap;
    long era, count, of_era, of_year, shifted;
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return 0;
    leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (month == 2 && leap))
        return 0;
    shifted = month <= 2 ? year - 1 : year;
    era = shifted / 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    of_era = (shifted - era * 400) * 365 + (shifted - era * 400) / 4 - (shifted - era * 400) / 100 + of_year;
    count = era * 146097 + of_era + days;
    if (count < 306) /* 0001-01-01 */
        return 0;
    era = count / 146097;
    of_era = count - era * 146097;
    shifted = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * shifted + shifted / 4 - shifted / 100);
    month = (int)((5 * of_year + 2) / 153);
    day = (int)(of_year - (153 * month + 2) / 5 + 1);
    month += month < 10 ? 3 : -9;
    shifted += era * 400 + (month <= 2);
    if (shifted > 9999)
        return 0;
    out[0] = (uint8_t)('0' + shifted / 1000);
    out[1] = (uint8_t)('0' + shifted / 100 % 10);
    out[2] = (uint8_t)('0' + shifted / 10 % 10);
    out[3] = (uint8_t)('0' + shifted % 10);
    out[4] = (uint8_t)('0' + month / 10);
    out[5] = (uint8_t)('0' + month % 10);
    out[6] = (uint8_t)('0' + day / 10);
    out[7] = (uint8_t)('0' + day % 10);
    return 1;
}

/* The new UID of deid.pseudonyms.Pseudonyms.uid into `out` (48 bytes), padded; its length, or 0 for an unusual UID. */
static size_t make_uid(const Plan *plan, const uint8_t *uid, size_t length, char *out)
{
#ifdef __SIZEOF_INT128__
    static const char *registered[2] = {"1.2.840.10008.", "2.16.840.1.113883.6."};
    uint8_t message[256 + 4 + 64], digest[32];
    uint32_t state[8];
    unsigned __int128 number = 0;
    char digits_[54];
    int count = 0;
    size_t size;
    if (!length || length > 64)
        return 0;
    for (size_t at = 0; at < length; at++)
        if (uid[at] != '.' && (uid[at] < '0' || uid[at] > '9'))
            return 0;
    for (int at = 0; at < 2; at++)
        if (length >= strlen(registered[at]) && !memcmp(uid, registered[at], strlen(registered[at])))
            return 0;
    memcpy(message, plan->prefix, plan->n_prefix);
    message[plan->n_prefix] = message[plan->n_prefix + 1] = message[plan->n_prefix + 2] = 0;
    message[plan->n_prefix + 3] = (uint8_t)length;
    memcpy(message + plan->n_prefix + 4, uid, length);
    memcpy(state, plan->inner, sizeof state);
    sha256_finish(state, message, plan->n_prefix + 4 + length, digest);
    memcpy(state, plan->outer, sizeof state);
    sha256_finish(state, digest, 32, digest);
    for (int at = 0; at < 16; at++)
        number = number << 8 | digest[at];
    number = (number & ~((unsigned __int128)0xF << 76)) | (unsigned __int128)8 << 76;
    number = (number & ~((unsigned __int128)3 << 62)) | (unsigned __int128)2 << 62;
    while (number) { /* 18 digits at a time: division of 128 bits is slow */
        uint64_t part = (uint64_t)(number % 1000000000000000000u);
        number /= 1000000000000000000u;
        for (int at = 0; at < 18 && (part || number); at++, part /= 10)
            digits_[count++] = (char)('0' + part % 10);
    }
    memcpy(out, "2.25.", 5);
    size = 5;
    while (count)
        out[size++] = digits_[--count];
    if (size % 2)
        out[size++] = 0;
    return size;
#else
    (void)plan, (void)uid, (void)length, (void)out;
    return 0;
#endif
}

/* The same, remembered. */
static const KnownUid *new_uid(Plan *plan, const uint8_t *uid, size_t length)
{
    KnownUid *known;
    uint64_t ending = length;
    if (!plan->has_secret || !length || length > 64)
        return NULL;
    memcpy(&ending, uid + (length < 8 ? 0 : length - 8), length < 8 ? length : 8);
    known = &plan->known[(ending * 0x9E3779B97F4A7C15u) >> 58];
    if (known->length != length || memcmp(known->uid, uid, length)) {
        known->length = 0;
        known->size = (uint8_t)make_uid(plan, uid, length, known->new);
        if (!known->size)
            return NULL;
        memcpy(known->uid, uid, length);
        known->length = (uint8_t)length;
    }
    return known;
}

/* A UID without Python: outcome, -1 on error, -2 for anything unusual. */
static int put_uid(Walk *w, const Element *e, int implicit)
{
    const uint8_t *value = w->r.data + e->start;
    size_t length = e->length;
    const KnownUid *known;
    if (length && (value[length - 1] == 0 || value[length - 1] == ' '))
        length--;
    known = new_uid(w->plan, value, length);
    if (!known)
        return -2;
    if (put_header(w, e, known->size, implicit) || put(w, known->new, known->size))
        return -1;
    return known->size == e->length && !memcmp(known->new, value, known->size) ? KEPT : REPLACED;
}

/* The usual forms of dates and times without Python: outcome, -1 on error, -2 for anything unusual. */
static int put_native(Walk *w, const Entry *entry, const Element *e, int implicit)
{
    const uint8_t *value = w->r.data + e->start;
    Py_ssize_t length = (Py_ssize_t)e->length;
    uint8_t date[8];
    if (length > 28)
        return -2;
    while (length && value[length - 1] == ' ' && (Py_ssize_t)e->length - length < (entry->native == NATIVE_TM ? 16 : 1))
        length--;
    if (entry->native == NATIVE_TM) {
        if (!plain_time(value, length))
            return -2;
        return put_header(w, e, e->length, implicit) || put(w, value, e->length) ? -1 : KEPT;
    }
    if (length < 8 || (e->length & 1))
        return -2;
    if (entry->native == NATIVE_DA ? length != 8 || e->length != 8 : length > 8) {
        Py_ssize_t zone = length;
        if (entry->native == NATIVE_DA)
            return -2;
        if (length >= 13 && (value[length - 5] == '+' || value[length - 5] == '-')) {
            int hours = digits(value + length - 4, 2), minutes = digits(value + length - 2, 2);
            if (hours < 0 || hours > 19 || minutes < 0 || minutes > 59)
                return -2;
            zone = length - 5;
        }
        if (zone != 8 && !plain_time(value + 8, zone - 8))
            return -2;
    }
    if (!moved_date(value, w->plan->days, date))
        return -2;
    if (put_header(w, e, e->length, implicit) || put(w, date, 8) || put(w, value + 8, e->length - 8))
        return -1;
    return memcmp(date, value, 8) ? REPLACED : KEPT;
}

/* Outcome, or -1. */
static int put_called(Walk *w, Entry *entry, const Element *e, int implicit, int local)
{
    const uint8_t *value = w->r.data + e->start;
    PyObject *new;
    Py_ssize_t length;
    if (entry->native) {
        int outcome = entry->native == NATIVE_UID ? put_uid(w, e, implicit) : put_native(w, entry, e, implicit);
        if (outcome != -2)
            return outcome;
    }
    new = called(entry, value, (Py_ssize_t)e->length, e->vr, local);
    if (!new)
        return -1;
    if (new == Py_None)
        return REMOVED;
    length = PyBytes_GET_SIZE(new);
    if (put_header(w, e, (size_t)length, implicit) || put(w, PyBytes_AS_STRING(new), (size_t)length))
        return -1;
    if (length == (Py_ssize_t)e->length && !memcmp(PyBytes_AS_STRING(new), value, (size_t)length))
        return KEPT;
    return length ? REPLACED : EMPTIED;
}

static Py_ssize_t walk_data_set(Walk *w, Py_ssize_t p, Py_ssize_t end, int depth, int place, int implicit,
                                int delimited);

/* Outcome, or -1; *next is where the element ends. */
static int put_sequence(Walk *w, Entry *entry, const Element *e, Py_ssize_t end, int depth, int implicit,
                        Py_ssize_t *next)
{
    const Reader *r = &w->r;
    int inner = implicit || e->vr == VR('U', 'N'), open_ended = e->length == UNDEFINED;
    Py_ssize_t p = e->start, stop = open_ended ? end : e->start + (Py_ssize_t)e->length;
    size_t begin;
    if (entry->items != KEEP) {
        *next = behind(r, e, end, implicit, depth);
        if (*next < 0)
            return -1;
        if (entry->items == REMOVE)
            return REMOVED;
    }
    if (put_header(w, e, 0, implicit))
        return -1;
    begin = w->size;
    if (entry->items == DUMMY) {
        PyObject *dummy = inner ? entry->implicit_dummy : entry->explicit_dummy;
        if (put(w, PyBytes_AS_STRING(dummy), (size_t)PyBytes_GET_SIZE(dummy)))
            return -1;
    } else if (entry->items == KEEP) {
        for (;;) {
            static const uint8_t header[8] = {0xFE, 0xFF, 0x00, 0xE0};
            uint32_t length;
            size_t item;
            int found = read_item(r, p, stop, open_ended, &length);
            if (found < 0)
                return -1;
            if (!found)
                break;
            if (put(w, header, 8))
                return -1;
            item = w->size;
            p += 8;
            p = walk_data_set(w, p, length == UNDEFINED ? stop : p + (Py_ssize_t)length, depth + 1, entry->inside,
                              inner, length == UNDEFINED);
            if (p < 0)
                return -1;
            if (w->size - item > 0xFFFFFFFEu)
                return (int)refuse("malformed");
            set_u32(w->out + item - 4, (uint32_t)(w->size - item));
        }
        *next = open_ended ? p + 8 : p;
    }
    if (w->size - begin > 0xFFFFFFFEu)
        return (int)refuse("malformed");
    set_u32(w->out + begin - 4, (uint32_t)(w->size - begin));
    return entry->items == KEEP ? KEPT : entry->items == DUMMY ? REPLACED : EMPTIED;
}

typedef struct {
    uint8_t block, used;
    Py_ssize_t name, length; /* the creator's name, stripped */
    size_t first, last;      /* its element in the output */
} Creator;

typedef struct {
    Creator *at;
    int count, capacity;
} Creators;

static void close_creators(Walk *w, Creators *c)
{
    for (int at = c->count - 1; at >= 0; at--) {
        if (c->at[at].used)
            w->plan->private_kept++;
        else {
            memmove(w->out + c->at[at].first, w->out + c->at[at].last, w->size - c->at[at].last);
            w->size -= c->at[at].last - c->at[at].first;
            w->plan->private_removed++;
        }
    }
    c->count = 0;
}

static int safe_block(Plan *plan, const uint8_t *name, Py_ssize_t length, uint32_t group)
{
    PyObject *key = PyBytes_FromStringAndSize(NULL, length + 2), *found;
    int safe = -1;
    if (!key)
        return -1;
    memcpy(PyBytes_AS_STRING(key), name, (size_t)length);
    PyBytes_AS_STRING(key)[length] = (char)(group & 0xFF);
    PyBytes_AS_STRING(key)[length + 1] = (char)(group >> 8);
    found = PyDict_GetItemWithError(plan->blocks, key);
    if (found)
        safe = found == Py_True;
    else if (!PyErr_Occurred()) {
        found = PyObject_CallFunction(plan->block, "y#k", (const char *)name, length, (unsigned long)group);
        if (found) {
            safe = PyObject_IsTrue(found);
            Py_DECREF(found);
            if (PyDict_GET_SIZE(plan->blocks) >= MEMO_LIMIT)
                PyDict_Clear(plan->blocks);
            if (safe >= 0 && PyDict_SetItem(plan->blocks, key, safe ? Py_True : Py_False))
                safe = -1;
        }
    }
    Py_DECREF(key);
    return safe;
}

/* 1 and *entry, or 0: nothing is known of it; -1 on error */
static int private_entry(Plan *plan, const uint8_t *name, Py_ssize_t length, uint32_t tag, Entry **entry)
{
    PyObject *key = PyBytes_FromStringAndSize(NULL, length + 3), *found, *number;
    uint32_t group = tag >> 16;
    int result = -1;
    if (!key)
        return -1;
    memcpy(PyBytes_AS_STRING(key), name, (size_t)length);
    PyBytes_AS_STRING(key)[length] = (char)(group & 0xFF);
    PyBytes_AS_STRING(key)[length + 1] = (char)(group >> 8);
    PyBytes_AS_STRING(key)[length + 2] = (char)(tag & 0xFF);
    found = PyDict_GetItemWithError(plan->privates, key);
    if (found) {
        long index = PyLong_AsLong(found);
        if (index > 0)
            *entry = plan->private_entries[index - 1];
        result = index > 0;
    } else if (!PyErr_Occurred()) {
        found = PyObject_CallFunction(plan->private_, "y#kk", (const char *)name, length, (unsigned long)group,
                                      (unsigned long)(tag & 0xFF));
        if (found) {
            size_t index = 0;
            result = 0;
            if (found != Py_None) {
                Entry *new = PyMem_Calloc(1, sizeof(Entry));
                Entry **more = new ? PyMem_Realloc(plan->private_entries, (plan->n_private + 1) * sizeof *more) : NULL;
                if (more)
                    plan->private_entries = more;
                if (!more || entry_fill(new, found)) {
                    entry_free(new);
                    if (!PyErr_Occurred())
                        PyErr_NoMemory();
                    result = -1;
                } else {
                    plan->private_entries[plan->n_private++] = *entry = new;
                    index = plan->n_private;
                    result = 1;
                }
            }
            Py_DECREF(found);
            if (result >= 0) {
                if (PyDict_GET_SIZE(plan->privates) >= 10 * MEMO_LIMIT && !index)
                    PyDict_Clear(plan->privates); /* the entries stay until the plan goes: there are few */
                number = PyLong_FromSize_t(index);
                if (!number || PyDict_SetItem(plan->privates, key, number))
                    result = -1;
                Py_XDECREF(number);
            }
        }
    }
    Py_DECREF(key);
    return result;
}

/* Where the element ends, or -1. */
static Py_ssize_t walk_private(Walk *w, const Element *e, Py_ssize_t p, Py_ssize_t end, int depth, int implicit,
                               Creators *creators)
{
    const uint8_t *data = w->r.data;
    uint32_t low = e->tag & 0xFFFF;
    Py_ssize_t next = -1;
    Creator *creator = NULL;
    Entry *entry = NULL;
    int outcome = REMOVED, known;
    if (low >= 0x10 && low <= 0xFF && e->length != UNDEFINED && e->vr != VR('S', 'Q')) {
        Py_ssize_t first = e->start, last = e->start + (Py_ssize_t)e->length;
        int safe;
        while (first < last && (data[first] == ' ' || data[first] == 0))
            first++;
        while (last > first && (data[last - 1] == ' ' || data[last - 1] == 0))
            last--;
        safe = safe_block(w->plan, data + first, last - first, e->tag >> 16);
        if (safe < 0)
            return -1;
        if (!safe)
            w->plan->private_removed++;
        else {
            if (creators->count == creators->capacity) {
                int capacity = creators->capacity ? creators->capacity * 2 : 16;
                Creator *more = PyMem_Realloc(creators->at, (size_t)capacity * sizeof *more);
                if (!more) {
                    PyErr_NoMemory();
                    return -1;
                }
                creators->at = more;
                creators->capacity = capacity;
            }
            creator = &creators->at[creators->count++];
            creator->block = (uint8_t)low;
            creator->used = 0;
            creator->name = first;
            creator->length = last - first;
            creator->first = w->size;
            if (put(w, data + p, (size_t)(e->start + (Py_ssize_t)e->length - p)))
                return -1;
            creator->last = w->size;
        }
        return e->start + (Py_ssize_t)e->length;
    }
    if (low >= 0x1000)
        for (int at = 0; at < creators->count; at++)
            if (creators->at[at].block == low >> 8)
                creator = &creators->at[at];
    if (creator) {
        known = private_entry(w->plan, data + creator->name, creator->length, e->tag, &entry);
        if (known < 0)
            return -1;
    }
    if (entry && entry->sequence && (e->vr == VR('S', 'Q') || !e->vr)) {
        outcome = put_sequence(w, entry, e, end, depth, implicit, &next);
        if (outcome < 0)
            return -1;
    } else {
        next = behind(&w->r, e, end, implicit, depth);
        if (next < 0)
            return -1;
        if (entry && !entry->sequence && e->vr != VR('S', 'Q') && e->length != UNDEFINED) {
            outcome = put_called(w, entry, e, implicit, 0);
            if (outcome < 0)
                return -1;
        }
    }
    if (outcome != REMOVED) {
        creator->used = 1;
        w->plan->private_kept++;
    } else
        w->plan->private_removed++;
    return next;
}

/* Where the element ends, or -1. */
static Py_ssize_t walk_standard(Walk *w, const Element *e, Py_ssize_t p, Py_ssize_t end, int depth, int place,
                                int implicit, int local)
{
    Entry *entry = entry_of(w->plan, e->tag, place);
    int fragments = e->length == UNDEFINED && is_pixels(e->tag), outcome;
    Py_ssize_t next;
    if (!entry)
        return -1;
    if (!fragments && (e->vr == VR('S', 'Q') || entry->sequence || e->length == UNDEFINED)) {
        if (e->vr && e->vr != VR('S', 'Q') && e->vr != VR('U', 'N') && e->length != UNDEFINED)
            return refuse("malformed");
        outcome = put_sequence(w, entry, e, end, depth, implicit, &next);
    } else {
        next = behind(&w->r, e, end, implicit, depth);
        if (next < 0)
            return -1;
        if (fragments) {
            outcome = entry->kind == KEEP ? KEPT : REMOVED;
            if (outcome == KEPT && put(w, w->r.data + p, (size_t)(next - p)))
                return -1;
        } else if (entry->kind == REMOVE)
            outcome = REMOVED;
        else if (entry->kind == EMPTY)
            outcome = put_header(w, e, 0, implicit) ? -1 : EMPTIED;
        else if (entry->kind == KEEP) {
            int fits = !e->vr || !entry->nvr;
            for (int at = 0; at < entry->nvr && !fits; at++)
                fits = entry->vrs[at] == e->vr;
            if (!fits) {
                uint8_t vr[2] = {e->vr & 0xFF, e->vr >> 8};
                PyObject *answer = PyObject_CallFunction(w->plan->odd, "ky#y#", (unsigned long)e->tag,
                                                         (const char *)vr, (Py_ssize_t)2,
                                                         (const char *)w->r.data + e->start, (Py_ssize_t)e->length);
                if (!answer)
                    return -1;
                fits = PyObject_IsTrue(answer);
                Py_DECREF(answer);
                if (fits < 0)
                    return -1;
            }
            outcome = fits ? KEPT : REMOVED;
            if (fits && put(w, w->r.data + p, (size_t)(next - p)))
                return -1;
        } else
            outcome = put_called(w, entry, e, implicit, local && e->tag == 0x00080104u);
    }
    if (outcome < 0)
        return -1;
    entry->n[outcome]++;
    return next;
}

/* 1: `tag` itself was set; 0: it was not; -1: error */
static int put_inserts(Walk *w, uint32_t tag)
{
    while (w->next < PyList_GET_SIZE(w->inserts)) {
        PyObject *pair = PyList_GET_ITEM(w->inserts, w->next);
        unsigned long found;
        char *bytes;
        Py_ssize_t size;
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2) {
            PyErr_SetString(PyExc_TypeError, "an insert is (tag, bytes)");
            return -1;
        }
        found = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(pair, 0));
        if (found == (unsigned long)-1 && PyErr_Occurred())
            return -1;
        if (found > tag)
            return 0;
        w->next++;
        if (PyBytes_AsStringAndSize(PyTuple_GET_ITEM(pair, 1), &bytes, &size) || put(w, bytes, (size_t)size))
            return -1;
        if (found == tag)
            return 1;
    }
    return 0;
}

static Py_ssize_t walk_elements(Walk *w, Py_ssize_t p, Py_ssize_t end, int depth, int place, int implicit,
                                int delimited, Creators *creators)
{
    const Reader *r = &w->r;
    uint32_t last = 0, group = UNDEFINED;
    int first = 1, local = 1;
    for (;;) {
        Element e;
        int set = 0;
        if (p == end && !delimited)
            break;
        if (need(r, p, 8, end))
            return -1;
        if (delimited && tag_at(r->data + p) == ITEM_END) {
            p += 8;
            break;
        }
        if (read_element(r, p, end, implicit, &e))
            return -1;
        if (!first && e.tag <= last)
            return refuse("disorder");
        first = 0;
        last = e.tag;
        if (e.tag >> 16 != group) {
            close_creators(w, creators);
            group = e.tag >> 16;
        }
        if (depth == 0) {
            set = put_inserts(w, e.tag);
            if (set < 0)
                return -1;
        }
        if (e.tag == 0x00080102u && e.length != UNDEFINED) {
            Py_ssize_t at = e.start, stop = e.start + (Py_ssize_t)e.length;
            while (at < stop && (r->data[at] == ' ' || r->data[at] == 0))
                at++;
            local = at == stop || (stop - at >= 2 && r->data[at] == '9' && r->data[at + 1] == '9');
        }
        if (set)
            p = behind(r, &e, end, implicit, depth);
        else if (group & 1)
            p = walk_private(w, &e, p, end, depth, implicit, creators);
        else
            p = walk_standard(w, &e, p, end, depth, place, implicit, local);
        if (p < 0)
            return -1;
    }
    close_creators(w, creators);
    return p;
}

static Py_ssize_t walk_data_set(Walk *w, Py_ssize_t p, Py_ssize_t end, int depth, int place, int implicit,
                                int delimited)
{
    Creators creators = {NULL, 0, 0};
    if (depth > DEEPEST)
        return refuse("malformed");
    p = walk_elements(w, p, end, depth, place, implicit, delimited, &creators);
    PyMem_Free(creators.at);
    return p;
}

static PyObject *plan_walk(Plan *self, PyObject *args)
{
    Py_buffer buffer;
    Py_ssize_t start, end;
    int implicit;
    PyObject *inserts = NULL;
    Walk w;
    if (!PyArg_ParseTuple(args, "y*nnp|O!", &buffer, &start, &end, &implicit, &PyList_Type, &inserts))
        return NULL;
    memset(&w, 0, sizeof w);
    w.inserts = inserts ? Py_NewRef(inserts) : PyList_New(0);
    w.r.data = buffer.buf;
    w.r.size = buffer.len;
    w.r.too_short = "truncated";
    w.plan = self;
    if (start < 0 || start > end || end > buffer.len)
        refuse("malformed");
    else if (w.inserts) {
        w.capacity = (size_t)(end - start) + 4096; /* what is set fits as a rule */
        w.bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)w.capacity);
        if (w.bytes) {
            w.out = (uint8_t *)PyBytes_AS_STRING(w.bytes);
            if (walk_data_set(&w, start, end, 0, 0, implicit, 0) < 0 || put_inserts(&w, UNDEFINED) < 0)
                Py_CLEAR(w.bytes);
            else
                _PyBytes_Resize(&w.bytes, (Py_ssize_t)w.size); /* sets an error and NULL where it fails */
        }
    }
    Py_XDECREF(w.inserts);
    PyBuffer_Release(&buffer);
    return w.bytes;
}

static int add_counts(PyObject *rows, Table *t, int place)
{
    for (size_t at = 0; at < t->size; at++) {
        Entry *e = t->slots[at];
        PyObject *row;
        if (!e || !(e->n[0] || e->n[1] || e->n[2] || e->n[3]))
            continue;
        row = Py_BuildValue("kiKKKK", (unsigned long)e->tag, place, e->n[0], e->n[1], e->n[2], e->n[3]);
        if (!row || PyList_Append(rows, row)) {
            Py_XDECREF(row);
            return -1;
        }
        Py_DECREF(row);
    }
    return 0;
}

static PyObject *plan_counts(Plan *self, PyObject *Py_UNUSED(args))
{
    PyObject *rows = PyList_New(0), *result = NULL;
    for (int place = 0; rows && place < self->n_tables; place++)
        if (add_counts(rows, &self->tables[place], place))
            Py_CLEAR(rows);
    if (rows && !PyList_Sort(rows))
        result = Py_BuildValue("OKK", rows, self->private_kept, self->private_removed);
    Py_XDECREF(rows);
    return result;
}

static int plan_init(Plan *self, PyObject *args, PyObject *Py_UNUSED(kwargs))
{
    PyObject *resolve, *block, *private_, *odd;
    const char *key = NULL, *prefix = NULL;
    Py_ssize_t n_key = 0, n_prefix = 0;
    if (!PyArg_ParseTuple(args, "OOOO|l(y#y#)", &resolve, &block, &private_, &odd, &self->days, &key, &n_key, &prefix,
                          &n_prefix))
        return -1;
    self->has_secret = n_key == 64 && n_prefix <= (Py_ssize_t)sizeof self->prefix;
    if (self->has_secret) {
        uint8_t pad[64];
        for (int at = 0; at < 64; at++)
            pad[at] = (uint8_t)key[at] ^ 0x36;
        memcpy(self->inner, sha256_start, sizeof sha256_start);
        sha256_block(self->inner, pad);
        for (int at = 0; at < 64; at++)
            pad[at] = (uint8_t)key[at] ^ 0x5C;
        memcpy(self->outer, sha256_start, sizeof sha256_start);
        sha256_block(self->outer, pad);
        memcpy(self->prefix, prefix, (size_t)n_prefix);
        self->n_prefix = (size_t)n_prefix;
    }
    Py_XSETREF(self->resolve, Py_NewRef(resolve));
    Py_XSETREF(self->block, Py_NewRef(block));
    Py_XSETREF(self->private_, Py_NewRef(private_));
    Py_XSETREF(self->odd, Py_NewRef(odd));
    Py_XSETREF(self->blocks, PyDict_New());
    Py_XSETREF(self->privates, PyDict_New());
    return self->blocks && self->privates ? 0 : -1;
}

static int visit_table(Table *t, visitproc visit, void *arg)
{
    for (size_t at = 0; at < t->size; at++)
        if (t->slots[at]) {
            Py_VISIT(t->slots[at]->call);
            Py_VISIT(t->slots[at]->memo);
            Py_VISIT(t->slots[at]->last_new);
        }
    return 0;
}

static int plan_traverse(Plan *self, visitproc visit, void *arg)
{
    int found;
    Py_VISIT(self->resolve);
    Py_VISIT(self->block);
    Py_VISIT(self->private_);
    Py_VISIT(self->odd);
    Py_VISIT(self->blocks);
    Py_VISIT(self->privates);
    for (int place = 0; place < self->n_tables; place++)
        if ((found = visit_table(&self->tables[place], visit, arg)))
            return found;
    for (size_t at = 0; at < self->n_private; at++) {
        Py_VISIT(self->private_entries[at]->call);
        Py_VISIT(self->private_entries[at]->memo);
        Py_VISIT(self->private_entries[at]->last_new);
    }
    return 0;
}

static int plan_clear(Plan *self)
{
    Py_CLEAR(self->resolve);
    Py_CLEAR(self->block);
    Py_CLEAR(self->private_);
    Py_CLEAR(self->odd);
    Py_CLEAR(self->blocks);
    Py_CLEAR(self->privates);
    for (int place = 0; place < self->n_tables; place++)
        table_free(&self->tables[place]);
    PyMem_Free(self->tables);
    self->tables = NULL;
    self->n_tables = 0;
    for (size_t at = 0; at < self->n_private; at++)
        entry_free(self->private_entries[at]);
    PyMem_Free(self->private_entries);
    self->private_entries = NULL;
    self->n_private = 0;
    return 0;
}

static void plan_dealloc(Plan *self)
{
    PyObject_GC_UnTrack(self);
    plan_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef plan_methods[] = {
    {"walk", (PyCFunction)plan_walk, METH_VARARGS,
     "walk(data, start, end, implicit, inserts=[]) -> bytes; see deid.walker.Plan.walk."},
    {"counts", (PyCFunction)plan_counts, METH_NOARGS, "counts() -> (rows, private kept, private removed)"},
    {NULL}};

static PyTypeObject PlanType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "deid._walker.Plan",
    .tp_doc = "Plan(resolve, block, private, odd, days=0, uid_secret=(b\"\", b\"\")): deid.walker.Plan, compiled, little endian only.",
    .tp_basicsize = sizeof(Plan),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)plan_init,
    .tp_traverse = (traverseproc)plan_traverse,
    .tp_clear = (inquiry)plan_clear,
    .tp_dealloc = (destructor)plan_dealloc,
    .tp_methods = plan_methods,
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "deid._walker",
                                    "The walks of deid.structure and deid.walker, compiled.", -1, NULL};

PyMODINIT_FUNC PyInit__walker(void)
{
    PyObject *made, *python = PyImport_ImportModule("deid.structure");
    if (!python)
        return NULL;
    structure_error = PyObject_GetAttrString(python, "StructureError");
    Py_DECREF(python);
    sha256_choose();
    if (!structure_error || PyType_Ready(&ScannerType) < 0 || PyType_Ready(&PlanType) < 0)
        return NULL;
    made = PyModule_Create(&module);
    if (!made)
        return NULL;
    if (PyModule_AddObjectRef(made, "Scanner", (PyObject *)&ScannerType) < 0 ||
        PyModule_AddObjectRef(made, "Plan", (PyObject *)&PlanType) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
