/* The verifier's accelerator: where every value lies, which are new to the series, and what is in them.
 *
 * The same as deid/verify/scanner.py, which says what it means and is the oracle that it is tested against.
 * Every read is checked against the window first; nothing is read, written or decided here beyond that.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <stdint.h>
#include <unistd.h>

enum { DONE, MORE, NATIVE, ENCAPSULATED, TRUNCATED = -1, MALFORMED = -2, RAISED = -3 };
enum { IMPLICIT, EXPLICIT, BIG_ENDIAN_MODE, META };
enum { QUIET_ORIGINAL = 1, QUIET_OUTPUT = 2, LONG_FORM = 4, SHORT_FORM = 8 };
#define ITEM 0xFFFEE000u
#define ITEM_END 0xFFFEE00Du
#define SEQUENCE_END 0xFFFEE0DDu
#define UNDEFINED 0xFFFFFFFFu
#define CODE_VALUE 0x00080100u
#define DEEPEST 64
#define BUCKETS (1u << 15)
#define MEMO_LIMIT (1u << 20)
#define CHUNK (1u << 16)
#define SAMPLES 16
#define SAMPLE 256
#define SHORT_FILE "the file ends before its pixel data do"
#define LOUD_SLOTS 4096u
enum { ALWAYS = 1, LOUD = 2, PRIVATE = 4 };
#define VRS 677 /* 26 * 26 and one for "unknown" */

typedef struct { uint64_t a, b; } Key;
typedef struct { Key *slots; size_t size, used; } Set;
typedef struct { uint8_t *bytes; uint32_t length; int32_t number, next; } Pattern;
typedef struct {
    int32_t parent;
    uint32_t tag, context_length;
    uint64_t context;
    Key key;
    int marks;
    PyObject *path;
} Node;
typedef struct { uint64_t start, context; uint32_t tag, length, context_length; int32_t node; char vr[2]; } Span;
typedef struct { uint64_t start; uint32_t length; uint32_t tag; } Creator;
typedef struct { int32_t number; uint32_t offset; } Hit;
typedef struct { uint32_t tag; char vr[2]; uint8_t full; } KnownVr;

#define GROWABLE(type, name) struct { type *at; size_t used, room; } name

typedef struct {
    PyObject_HEAD
    Key seed;
    PyObject *vr_of;
    PyTypeObject *event_type; /* a tuple of five */
    uint8_t flags[VRS];
    uint32_t always[32], loud[LOUD_SLOTS];
    size_t always_count;
    int32_t heads[BUCKETS];
    uint8_t gate[BUCKETS / 8];
    GROWABLE(Pattern, patterns);
    Set seen, known, judged, again, uids;
    uint64_t uid_lengths[3];
    KnownVr vrs[4096];
    /* one walk */
    const uint8_t *data;
    uint64_t base, have, total, need, from, to;
    int big;
    GROWABLE(Span, spans);
    GROWABLE(Node, nodes);
    GROWABLE(Creator, creators);
    GROWABLE(Hit, hits);
} Scanner;

static uint8_t LOWER[256];

static int grow(void **at, size_t *room, size_t used, size_t size) {
    if (used < *room) return 0;
    size_t wanted = *room ? *room * 2 : 64;
    void *bigger = PyMem_Realloc(*at, wanted * size);
    if (!bigger) { PyErr_NoMemory(); return RAISED; }
    *at = bigger;
    *room = wanted;
    return 0;
}
#define ROOM(v) grow((void **)&(v).at, &(v).room, (v).used, sizeof *(v).at)

/* ---- keys: 128 bits of a keyed hash stand for (path, context, value) -------------------------------------- */

static inline uint64_t fold(uint64_t x, uint64_t y) {
    unsigned __int128 product = (unsigned __int128)x * y;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static Key hash(const uint8_t *p, size_t n, Key k) {
    k.a ^= n * 0x9E3779B97F4A7C15u;
    k.b += n * 0xC2B2AE3D27D4EB4Fu;
    while (n) {
        uint64_t w = 0;
        size_t step = n < 8 ? n : 8;
        memcpy(&w, p, step);
        k.a = fold(k.a ^ w, 0xA0761D6478BD642Fu) + 0xE7037ED1A0B428DBu;
        k.b = fold(k.b + w, 0x8EBC6AF09C88C6E3u) ^ 0x589965CC75374CC3u;
        p += step;
        n -= step;
    }
    k.a = fold(k.a, 0x1D8E4E27C47D124Fu);
    k.b = fold(k.b, 0xEB44ACCAB455D165u);
    return k;
}

/* One key from two; what is hashed once serves several sets. */
static Key both(Key k, Key other) {
    k.a = fold(k.a ^ other.a, 0xA0761D6478BD642Fu) + other.b;
    k.b = fold(k.b + other.b, 0x8EBC6AF09C88C6E3u) ^ other.a;
    return k;
}

static Key with_tag(Key k, uint32_t tag) {
    k.a = fold(k.a ^ tag, 0xA0761D6478BD642Fu) + 1;
    k.b = fold(k.b + tag, 0x8EBC6AF09C88C6E3u) ^ 2;
    return k;
}

static Key *slot_of(const Set *set, Key k) {
    size_t i = (size_t)k.a & (set->size - 1);
    while ((set->slots[i].a || set->slots[i].b) && (set->slots[i].a != k.a || set->slots[i].b != k.b))
        i = (i + 1) & (set->size - 1);
    return &set->slots[i];
}

static int holds(const Set *set, Key k) {
    if (!set->size) return 0;
    Key *slot = slot_of(set, k);
    return slot->a || slot->b;
}

/* 1 when new, 0 when known, RAISED */
static int put(Set *set, Key k) {
    if (!k.a && !k.b) k.b = 1;
    if (set->used * 2 >= set->size) {
        Set bigger = {NULL, set->size ? set->size * 4 : 4096, 0};
        bigger.slots = PyMem_Calloc(bigger.size, sizeof(Key));
        if (!bigger.slots) { PyErr_NoMemory(); return RAISED; }
        for (size_t i = 0; i < set->size; i++)
            if (set->slots[i].a || set->slots[i].b) { *slot_of(&bigger, set->slots[i]) = set->slots[i]; bigger.used++; }
        PyMem_Free(set->slots);
        *set = bigger;
    }
    Key *slot = slot_of(set, k);
    if (slot->a || slot->b) return 0;
    *slot = k;
    set->used++;
    return 1;
}

static void clear(Set *set) {
    PyMem_Free(set->slots);
    memset(set, 0, sizeof *set);
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

static inline const uint8_t *at(const Scanner *s, uint64_t position) { return s->data + (position - s->base); }

static inline uint32_t u16(const Scanner *s, uint64_t position) {
    const uint8_t *p = at(s, position);
    return s->big ? (uint32_t)(p[0] << 8 | p[1]) : (uint32_t)(p[1] << 8 | p[0]);
}

static inline uint32_t u32(const Scanner *s, uint64_t position) {
    return s->big ? u16(s, position) << 16 | u16(s, position + 2) : u16(s, position + 2) << 16 | u16(s, position);
}

static inline uint32_t tag_at(const Scanner *s, uint64_t position) { return u16(s, position) << 16 | u16(s, position + 2); }

/* Whether `count` bytes from `position` (which is not beyond `end`) lie before `end` and in the window. */
static int need(Scanner *s, uint64_t position, uint64_t count, uint64_t end) {
    if (position + count > end) return position + count > s->total ? TRUNCATED : MALFORMED;
    if (position + count > s->have) { s->need = position + count; return MORE; }
    return 0;
}

static int vr_index(const char *vr) {
    if (vr[0] < 'A' || vr[0] > 'Z' || vr[1] < 'A' || vr[1] > 'Z') return VRS - 1;
    return (vr[0] - 'A') * 26 + (vr[1] - 'A');
}

static int dictionary_vr(Scanner *s, uint32_t tag, char *vr) {
    KnownVr *known = &s->vrs[(tag * 0x9E3779B1u) >> 20];
    if (!known->full || known->tag != tag) {
        PyObject *text = PyObject_CallFunction(s->vr_of, "I", (unsigned int)tag);
        Py_ssize_t length;
        const char *name = text ? PyUnicode_AsUTF8AndSize(text, &length) : NULL;
        if (!name) { Py_XDECREF(text); return RAISED; }
        known->tag = tag;
        known->full = 1;
        known->vr[0] = length >= 2 ? name[0] : 0;
        known->vr[1] = length >= 2 ? name[1] : 0;
        Py_DECREF(text);
    }
    memcpy(vr, known->vr, 2);
    return 0;
}

static int is_pixels(uint32_t tag) { return tag == 0x7FE00010u || tag == 0x7FE00008u || tag == 0x7FE00009u; }

/* Whether a value is reported in any case, where an original has the same, or where it is private or graphics. */
static int marks(const Scanner *s, int32_t parent, uint32_t tag) {
    int found = s->nodes.at[parent].marks;
    if (!parent)
        for (size_t i = 0; i < s->always_count; i++) found |= s->always[i] == tag ? ALWAYS : 0;
    if ((tag >> 16 & 1) || tag >> 24 == 0x50 || tag >> 24 == 0x60) return found | PRIVATE;
    for (uint32_t i = (tag * 0x9E3779B1u) >> 20; s->loud[i]; i = (i + 1) % LOUD_SLOTS)
        if (s->loud[i] == tag) return found | LOUD;
    return found;
}

static int new_node(Scanner *s, int32_t parent, uint32_t tag) {
    if (ROOM(s->nodes)) return RAISED;
    Node *node = &s->nodes.at[s->nodes.used++];
    node->parent = parent;
    node->tag = tag;
    node->path = NULL;
    node->context = parent < 0 ? s->base : s->nodes.at[parent].context;
    node->context_length = parent < 0 ? 0 : s->nodes.at[parent].context_length;
    node->marks = parent < 0 ? 0 : marks(s, parent, tag);
    node->key = parent < 0 ? s->seed : with_tag(s->nodes.at[parent].key, tag);
    return 0;
}

/* Where the context of an element is: the private creator, or whether the scheme of a code is local. */
typedef struct { uint64_t scheme; uint32_t scheme_length; size_t creators; } Level;

static Creator creator_of(const Scanner *s, const Level *level, uint32_t tag) {
    uint32_t owner = (tag & 0xFFFF0000u) | (tag & 0xFFFF) >> 8;
    for (size_t i = s->creators.used; i-- > level->creators;)
        if (s->creators.at[i].tag == owner) return s->creators.at[i];
    return (Creator){s->base, 0, 0};
}

static int push(Scanner *s, Level *level, int32_t node, uint32_t tag, const char *vr, uint64_t start, uint32_t length) {
    if (ROOM(s->spans)) return RAISED;
    Span *span = &s->spans.at[s->spans.used++];
    const Node *parent = &s->nodes.at[node];
    *span = (Span){start, parent->context, tag, length, parent->context_length, node, {vr[0], vr[1]}};
    uint32_t element = tag & 0xFFFF;
    if (tag == 0x00080102u) {
        level->scheme = start;
        level->scheme_length = length;
    } else if (tag == 0x00080104u) {
        span->context = level->scheme_length ? level->scheme : s->base;
        span->context_length = level->scheme_length;
    } else if ((tag >> 16 & 1) && element >= 0x10 && element <= 0xFF) {
        if (ROOM(s->creators)) return RAISED;
        s->creators.at[s->creators.used++] = (Creator){start, length, tag};
    } else if (tag >> 16 & 1) {
        Creator creator = creator_of(s, level, tag);
        span->context = creator.start;
        span->context_length = creator.length;
    }
    return 0;
}

static int data_set(Scanner *s, uint64_t *position, uint64_t end, int32_t node, int depth, int implicit, int delimited);

static int sequence(Scanner *s, uint64_t *position, uint64_t end, int32_t node, int depth, int implicit, int delimited) {
    int r;
    for (;;) {
        if (*position == end && !delimited) return 0;
        if ((r = need(s, *position, 8, end))) return r;
        uint32_t tag = tag_at(s, *position), length = u32(s, *position + 4);
        *position += 8;
        if (tag == SEQUENCE_END && delimited) return 0;
        if (tag != ITEM) return MALFORMED;
        if (length == UNDEFINED) {
            r = data_set(s, position, end, node, depth, implicit, 1);
        } else {
            if ((r = need(s, *position, length, end))) return r;
            r = data_set(s, position, *position + length, node, depth, implicit, 0);
        }
        if (r) return r;
    }
}

static int fragments(Scanner *s, uint64_t *position, uint64_t end) {
    for (;;) {
        int r = need(s, *position, 8, end);
        if (r) return r;
        uint32_t tag = tag_at(s, *position), length = u32(s, *position + 4);
        *position += 8;
        if (tag == SEQUENCE_END) return 0;
        if (tag != ITEM || length == UNDEFINED) return MALFORMED;
        if ((r = need(s, *position, length, end))) return r;
        *position += length;
    }
}

static int element(Scanner *s, uint64_t *position, uint64_t end, int32_t node, int depth, int implicit, Level *level) {
    uint32_t tag = tag_at(s, *position), length;
    uint64_t start = *position + 8;
    char vr[2];
    int r;
    if (tag >> 16 == 0xFFFE) return MALFORMED;
    if (implicit) {
        if (dictionary_vr(s, tag, vr)) return RAISED;
        length = u32(s, *position + 4);
    } else {
        memcpy(vr, at(s, *position + 4), 2);
        uint8_t form = s->flags[vr_index(vr)];
        if (form & SHORT_FORM) {
            length = u16(s, *position + 6);
        } else {
            if (!(form & LONG_FORM)) return MALFORMED;
            if ((r = need(s, *position, 12, end))) return r;
            length = u32(s, *position + 8);
            start += 4;
        }
    }
    int sequence_like = length == UNDEFINED ? !is_pixels(tag) : vr[0] == 'S' && vr[1] == 'Q';
    if (is_pixels(tag) && !depth && !sequence_like) {
        s->from = start;
        if (length == UNDEFINED) { *position = start; return ENCAPSULATED; }
        if (start + length > s->total) return TRUNCATED;
        *position = s->to = start + length;
        return NATIVE;
    }
    if (length != UNDEFINED && (r = need(s, start, length, end))) return r;
    *position = start;
    if (sequence_like) {
        int32_t inner = (int32_t)s->nodes.used;
        if (new_node(s, node, tag)) return RAISED;
        if (tag >> 16 & 1) {
            Creator creator = creator_of(s, level, tag);
            s->nodes.at[inner].context = creator.start;
            s->nodes.at[inner].context_length = creator.length;
        }
        if (length == UNDEFINED)
            return sequence(s, position, end, inner, depth + 1, implicit || (vr[0] == 'U' && vr[1] == 'N'), 1);
        return sequence(s, position, start + length, inner, depth + 1, implicit, 0);
    }
    if (length == UNDEFINED) {
        if ((r = fragments(s, position, end))) return r;
        if (*position - start >= UNDEFINED) return MALFORMED;
        return push(s, level, node, tag, "OB", start, (uint32_t)(*position - start));
    }
    *position = start + length;
    return push(s, level, node, tag, vr, start, length);
}

static int data_set(Scanner *s, uint64_t *position, uint64_t end, int32_t node, int depth, int implicit, int delimited) {
    Level level = {0, 0, s->creators.used};
    int r;
    if (depth > DEEPEST) return MALFORMED;
    for (;;) {
        if (*position == end && !delimited) break;
        if ((r = need(s, *position, 8, end))) return r;
        if (delimited && tag_at(s, *position) == ITEM_END) { *position += 8; break; }
        if ((r = element(s, position, end, node, depth, implicit, &level))) return r;
    }
    s->creators.used = level.creators;
    return 0;
}

static int meta(Scanner *s, uint64_t *position) {
    Level level = {0, 0, 0};
    while (*position + 8 <= s->total) {
        int r = need(s, *position, 8, s->total);
        if (r) return r;
        if (u16(s, *position) != 2) return 0;
        if ((r = element(s, position, s->total, 0, 0, 0, &level))) return r;
    }
    return 0;
}

/* ---- search ---------------------------------------------------------------------------------------------------- */

static inline uint32_t bucket(uint32_t three) { return (three * 0x9E3779B1u) >> 17; }

static int hit(Scanner *s, int32_t number, size_t offset) {
    if (ROOM(s->hits)) return RAISED;
    s->hits.at[s->hits.used++] = (Hit){number, (uint32_t)offset};
    return 0;
}

static int find_uids(Scanner *s, const uint8_t *p, size_t n) {
    if (!s->uids.used) return 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9') continue;
        size_t end = i;
        int dots = 0;
        for (; end < n && ((p[end] >= '0' && p[end] <= '9') || p[end] == '.'); end++) {
            if (p[end] != '.') continue;
            size_t length = end - i;
            dots++;
            if (length < 192 && (s->uid_lengths[length >> 6] >> (length & 63) & 1) && holds(&s->uids, hash(p + i, length, s->seed)))
                if (hit(s, -1, i)) return RAISED;
        }
        size_t length = end - i;
        if (dots && length < 192 && (s->uid_lengths[length >> 6] >> (length & 63) & 1) && holds(&s->uids, hash(p + i, length, s->seed)))
            if (hit(s, -1, i)) return RAISED;
        i = end;
    }
    return 0;
}

static int find(Scanner *s, const uint8_t *p, size_t n) {
    s->hits.used = 0;
    if (n >= 3 && s->patterns.used) {
        uint32_t three = (uint32_t)LOWER[p[0]] << 8 | (uint32_t)LOWER[p[1]] << 16;
        for (size_t i = 2; i < n; i++) {
            three = three >> 8 | (uint32_t)LOWER[p[i]] << 16;
            uint32_t b = bucket(three);
            if (!(s->gate[b >> 3] >> (b & 7) & 1)) continue;
            for (int32_t k = s->heads[b]; k >= 0; k = s->patterns.at[k].next) {
                const Pattern *pattern = &s->patterns.at[k];
                if (pattern->length > n - (i - 2)) continue;
                uint32_t j = 0;
                while (j < pattern->length && LOWER[p[i - 2 + j]] == pattern->bytes[j]) j++;
                if (j == pattern->length && hit(s, pattern->number, i - 2)) return RAISED;
            }
        }
    }
    return find_uids(s, p, n);
}

static PyObject *hits_list(const Scanner *s) {
    PyObject *list = PyList_New((Py_ssize_t)s->hits.used);
    for (size_t i = 0; list && i < s->hits.used; i++) {
        PyObject *pair = Py_BuildValue("(iI)", (int)s->hits.at[i].number, (unsigned int)s->hits.at[i].offset);
        if (!pair) Py_CLEAR(list);
        else PyList_SET_ITEM(list, (Py_ssize_t)i, pair);
    }
    return list;
}

/* ---- Python -------------------------------------------------------------------------------------------------- */

static PyObject *path_of(Scanner *s, int32_t index) { /* borrowed */
    Node *node = &s->nodes.at[index];
    if (node->path) return node->path;
    if (node->parent < 0) return node->path = PyTuple_New(0);
    PyObject *parent = path_of(s, node->parent);
    if (!parent) return NULL;
    Py_ssize_t depth = PyTuple_GET_SIZE(parent);
    PyObject *path = PyTuple_New(depth + 1), *tag = PyLong_FromUnsignedLong(node->tag);
    if (!path || !tag) { Py_XDECREF(path); Py_XDECREF(tag); return NULL; }
    for (Py_ssize_t i = 0; i < depth; i++) PyTuple_SET_ITEM(path, i, Py_NewRef(PyTuple_GET_ITEM(parent, i)));
    PyTuple_SET_ITEM(path, depth, tag);
    return node->path = path;
}

static PyObject *event(Scanner *s, const Span *span, int fresh) {
    PyObject *parent = path_of(s, span->node);
    if (!parent) return NULL;
    Py_ssize_t depth = PyTuple_GET_SIZE(parent);
    PyObject *path = PyTuple_New(depth + 1), *hits = fresh ? hits_list(s) : Py_NewRef(Py_None);
    PyObject *tag = PyLong_FromUnsignedLong(span->tag);
    if (!path || !hits || !tag) { Py_XDECREF(path); Py_XDECREF(hits); Py_XDECREF(tag); return NULL; }
    for (Py_ssize_t i = 0; i < depth; i++) PyTuple_SET_ITEM(path, i, Py_NewRef(PyTuple_GET_ITEM(parent, i)));
    PyTuple_SET_ITEM(path, depth, tag);
    PyObject *parts[5] = {
        path, PyUnicode_FromStringAndSize(span->vr, span->vr[0] ? 2 : 0),
        PyBytes_FromStringAndSize((const char *)at(s, span->start), (Py_ssize_t)span->length),
        PyBytes_FromStringAndSize((const char *)at(s, span->context), (Py_ssize_t)span->context_length), hits};
    PyObject *made = parts[1] && parts[2] && parts[3] ? s->event_type->tp_alloc(s->event_type, 5) : NULL;
    for (Py_ssize_t i = 0; i < 5; i++)
        if (made) PyTuple_SET_ITEM(made, i, parts[i]);
        else Py_XDECREF(parts[i]);
    return made;
}

/* Whether a value that is new may be passed over: see PythonScanner. */
static int hushed(const Scanner *s, const Span *span, int output, int marked, Key known) {
    int quiet = s->flags[vr_index(span->vr)] & (output ? QUIET_OUTPUT : QUIET_ORIGINAL);
    if (!span->length) return 1;
    if (output) return quiet && !(marked & PRIVATE) && !((marked & LOUD) && holds(&s->known, known));
    return quiet || ((span->tag >> 16 & 1) && span->length < 5 && !(span->vr[0] == 'P' && span->vr[1] == 'N'));
}

/* How much of a value makes it new: of a single date of an original only the day. */
static size_t telling(const Span *span, const uint8_t *value, int output) {
    int dated = span->vr[0] == 'D' && (span->vr[1] == 'A' || span->vr[1] == 'T');
    if (output || !dated || span->length <= 10 || memchr(value, '\\', span->length)) return span->length;
    return 10;
}

static int judge(Scanner *s, int output, PyObject *events) {
    for (size_t i = 0; i < s->spans.used; i++) {
        const Span *span = &s->spans.at[i];
        const uint8_t *value = at(s, span->start);
        Key content = hash(value, span->length, s->seed), path = with_tag(s->nodes.at[span->node].key, span->tag);
        Key known = both(path, content);
        if (!output && put(&s->known, known) < 0) return RAISED;
        size_t told = telling(span, value, output);
        if (told < span->length) content = hash(value, told, s->seed);
        path.a += (uint64_t)vr_index(span->vr) << 32;
        if (span->context_length) path = hash(at(s, span->context), span->context_length, path);
        Key key = both(path, content);
        int fresh = put(output ? &s->judged : &s->seen, key);
        if (fresh < 0) return RAISED;
        if (output && !fresh && s->again.used) fresh = holds(&s->again, key);
        int marked = fresh || !span->node || (s->nodes.at[span->node].marks & ALWAYS) ? marks(s, span->node, span->tag) : 0;
        if (span->node && span->tag != CODE_VALUE) marked &= ~ALWAYS;
        if (!fresh && !(marked & ALWAYS)) continue;
        s->hits.used = 0;
        if (fresh && output && find(s, value, span->length)) return RAISED;
        if (!s->hits.used && !(marked & ALWAYS) && hushed(s, span, output, marked, known)) continue;
        PyObject *found = event(s, span, fresh);
        if (!found || PyList_Append(events, found)) { Py_XDECREF(found); return RAISED; }
        Py_DECREF(found);
    }
    if (s->judged.used > MEMO_LIMIT) clear(&s->judged);
    return 0;
}

static void end_walk(Scanner *s) {
    for (size_t i = 0; i < s->nodes.used; i++) Py_CLEAR(s->nodes.at[i].path);
    s->nodes.used = s->spans.used = s->creators.used = 0;
    s->data = NULL;
}

static PyObject *scan(Scanner *s, PyObject *args, int output) {
    Py_buffer window;
    unsigned long long base, position, total;
    int mode;
    if (!PyArg_ParseTuple(args, "y*KKKi", &window, &base, &position, &total, &mode)) return NULL;
    if (s->data) {
        PyBuffer_Release(&window);
        PyErr_SetString(PyExc_RuntimeError, "a scanner serves one thread");
        return NULL;
    }
    s->data = window.buf;
    s->base = base;
    s->have = base + (uint64_t)window.len;
    s->total = total;
    s->big = mode == BIG_ENDIAN_MODE;
    s->need = s->from = s->to = 0;
    uint64_t here = position;
    PyObject *events = PyList_New(0), *result = NULL;
    int r = MALFORMED;
    if (!events || new_node(s, -1, 0)) r = RAISED;
    else if (total > (1ull << 48) || s->have > total || base > position || position > s->have || mode < 0 || mode > META) {
        PyErr_SetString(PyExc_ValueError, "the window does not lie in the file");
        r = RAISED;
    } else r = mode == META ? meta(s, &here) : data_set(s, &here, total, 0, 0, mode == IMPLICIT, 0);
    if ((r == DONE || r == NATIVE || r == ENCAPSULATED) && judge(s, output, events)) r = RAISED;
    if (r != RAISED)
        result = Py_BuildValue("(iKKKO)", r, (unsigned long long)(r == MORE ? s->need : here),
                               (unsigned long long)s->from, (unsigned long long)s->to, events);
    Py_XDECREF(events);
    end_walk(s);
    PyBuffer_Release(&window);
    return result;
}

static PyObject *scan_original(Scanner *s, PyObject *args) { return scan(s, args, 0); }
static PyObject *scan_output(Scanner *s, PyObject *args) { return scan(s, args, 1); }

static int key_of(Scanner *s, PyObject *path, Key *key) {
    *key = s->seed;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(path); i++) {
        unsigned long tag = PyLong_AsUnsignedLong(PyTuple_GET_ITEM(path, i));
        if (PyErr_Occurred()) return RAISED;
        *key = with_tag(*key, (uint32_t)tag);
    }
    return 0;
}

static PyObject *is_known(Scanner *s, PyObject *args) {
    PyObject *path;
    Py_buffer value;
    Key key;
    if (!PyArg_ParseTuple(args, "O!y*", &PyTuple_Type, &path, &value)) return NULL;
    int r = key_of(s, path, &key);
    if (!r) r = holds(&s->known, both(key, hash(value.buf, (size_t)value.len, s->seed)));
    PyBuffer_Release(&value);
    return r < 0 ? NULL : PyBool_FromLong(r);
}

static PyObject *judge_again(Scanner *s, PyObject *args) {
    PyObject *path;
    const char *vr;
    Py_buffer value, context;
    Py_ssize_t vr_length;
    Key key;
    if (!PyArg_ParseTuple(args, "O!s#y*y*", &PyTuple_Type, &path, &vr, &vr_length, &value, &context)) return NULL;
    int r = key_of(s, path, &key);
    if (!r) {
        key.a += (uint64_t)(vr_length == 2 ? vr_index(vr) : VRS - 1) << 32;
        if (context.len) key = hash(context.buf, (size_t)context.len, key);
        r = put(&s->again, both(key, hash(value.buf, (size_t)value.len, s->seed)));
    }
    PyBuffer_Release(&value);
    PyBuffer_Release(&context);
    if (r < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *add_pattern(Scanner *s, PyObject *args) {
    Py_buffer raw;
    int number;
    if (!PyArg_ParseTuple(args, "y*i", &raw, &number)) return NULL;
    PyObject *result = NULL;
    uint8_t *copy = NULL;
    if (raw.len < 3 || raw.len > (1 << 30) || number < 0) {
        PyErr_SetString(PyExc_ValueError, "a pattern has three bytes or more and a number");
    } else if (!ROOM(s->patterns) && (copy = PyMem_Malloc((size_t)raw.len))) {
        for (Py_ssize_t i = 0; i < raw.len; i++) copy[i] = LOWER[((uint8_t *)raw.buf)[i]];
        uint32_t b = bucket((uint32_t)copy[0] | (uint32_t)copy[1] << 8 | (uint32_t)copy[2] << 16);
        s->patterns.at[s->patterns.used] = (Pattern){copy, (uint32_t)raw.len, number, s->heads[b]};
        s->heads[b] = (int32_t)s->patterns.used++;
        s->gate[b >> 3] |= (uint8_t)(1 << (b & 7));
        clear(&s->judged);
        result = Py_NewRef(Py_None);
    } else if (!PyErr_Occurred()) {
        PyErr_NoMemory();
    }
    PyBuffer_Release(&raw);
    return result;
}

static PyObject *add_uid(Scanner *s, PyObject *args) {
    Py_buffer raw;
    if (!PyArg_ParseTuple(args, "y*", &raw)) return NULL;
    int r = RAISED;
    if (raw.len < 1 || raw.len > 190) {
        PyErr_SetString(PyExc_ValueError, "a UID has 1 to 190 characters");
    } else {
        s->uid_lengths[raw.len >> 6] |= 1ull << (raw.len & 63);
        r = put(&s->uids, hash(raw.buf, (size_t)raw.len, s->seed));
        if (r == 1) clear(&s->judged);
    }
    PyBuffer_Release(&raw);
    if (r < 0) return NULL;
    Py_RETURN_NONE;
}

static PyObject *find_in(Scanner *s, PyObject *args) {
    Py_buffer raw;
    if (!PyArg_ParseTuple(args, "y*", &raw)) return NULL;
    int r = raw.len > (1ll << 31) ? RAISED : find(s, raw.buf, (size_t)raw.len);
    if (r && !PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "search in pieces of at most 2 GB");
    PyBuffer_Release(&raw);
    return r ? NULL : hits_list(s);
}

static int set_flags(Scanner *s, PyObject *text, uint8_t flag) {
    Py_ssize_t length;
    const char *vrs = PyUnicode_AsUTF8AndSize(text, &length);
    if (!vrs) return RAISED;
    for (Py_ssize_t i = 0; i + 1 < length; i += 2) s->flags[vr_index(vrs + i)] |= flag;
    return 0;
}

static int scanner_init(Scanner *s, PyObject *args, PyObject *Py_UNUSED(kwargs)) {
    PyObject *vr_of, *event_type, *always, *loud, *quiet[2], *form[2];
    const char *seed;
    Py_ssize_t seed_length;
    if (!PyArg_ParseTuple(args, "OO!O!O!UUUUy#", &vr_of, &PyType_Type, &event_type, &PyTuple_Type, &always, &PyTuple_Type, &loud, &quiet[0],
                          &quiet[1], &form[0], &form[1], &seed, &seed_length)) return RAISED;
    if (!PyType_IsSubtype((PyTypeObject *)event_type, &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "events are tuples");
        return RAISED;
    }
    if (s->vr_of || seed_length != sizeof(Key) || PyTuple_GET_SIZE(always) > 32 ||
        PyTuple_GET_SIZE(loud) > LOUD_SLOTS / 2) {
        PyErr_SetString(PyExc_ValueError, "made once, with a seed of 16 bytes and not too many tags");
        return RAISED;
    }
    memcpy(&s->seed, seed, sizeof(Key));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(always); i++) {
        s->always[i] = (uint32_t)PyLong_AsUnsignedLong(PyTuple_GET_ITEM(always, i));
        if (PyErr_Occurred()) return RAISED;
        s->always_count++;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(loud); i++) {
        uint32_t tag = (uint32_t)PyLong_AsUnsignedLong(PyTuple_GET_ITEM(loud, i)), k = (tag * 0x9E3779B1u) >> 20;
        if (PyErr_Occurred()) return RAISED;
        while (s->loud[k]) k = (k + 1) % LOUD_SLOTS;
        s->loud[k] = tag;
    }
    if (set_flags(s, quiet[0], QUIET_ORIGINAL) || set_flags(s, quiet[1], QUIET_OUTPUT) ||
        set_flags(s, form[0], LONG_FORM) || set_flags(s, form[1], SHORT_FORM)) return RAISED;
    memset(s->heads, 0xFF, sizeof s->heads);
    s->event_type = (PyTypeObject *)Py_NewRef(event_type);
    s->vr_of = Py_NewRef(vr_of);
    return 0;
}

static void scanner_free(Scanner *s) {
    PyTypeObject *type = Py_TYPE(s);
    end_walk(s);
    for (size_t i = 0; i < s->patterns.used; i++) PyMem_Free(s->patterns.at[i].bytes);
    Set *sets[] = {&s->seen, &s->known, &s->judged, &s->again, &s->uids};
    for (size_t i = 0; i < 5; i++) clear(sets[i]);
    PyMem_Free(s->patterns.at);
    PyMem_Free(s->spans.at);
    PyMem_Free(s->nodes.at);
    PyMem_Free(s->creators.at);
    PyMem_Free(s->hits.at);
    Py_XDECREF(s->vr_of);
    Py_XDECREF(s->event_type);
    type->tp_free(s);
    Py_DECREF(type);
}

/* Sixteen bytes that are equal where two stretches of equal length begin, end and look alike at fourteen more places. */
static PyObject *sample(PyObject *Py_UNUSED(module), PyObject *args) {
    int fd;
    unsigned long long start, end;
    uint8_t buffer[SAMPLES * SAMPLE];
    size_t used = 0;
    ssize_t got = 0;
    if (!PyArg_ParseTuple(args, "iKK", &fd, &start, &end)) return NULL;
    if (end < start || end > (1ull << 48)) { PyErr_SetString(PyExc_ValueError, "no such stretch"); return NULL; }
    uint64_t length = end - start, size = length < SAMPLE ? length : SAMPLE;
    for (uint64_t i = 0; i < SAMPLES && size; i++) {
        got = pread(fd, buffer + used, (size_t)size, (off_t)(start + (length - size) * i / (SAMPLES - 1)));
        if (got != (ssize_t)size) break;
        used += (size_t)got;
    }
    if (got < 0) return PyErr_SetFromErrno(PyExc_OSError);
    if (got != (ssize_t)size) { PyErr_SetString(PyExc_EOFError, SHORT_FILE); return NULL; }
    Key key = hash(buffer, used, (Key){length, ~length});
    return PyBytes_FromStringAndSize((const char *)&key, sizeof key);
}

/* Whether two stretches of two files are equal, read in pieces that stay in the cache. */
static PyObject *same(PyObject *Py_UNUSED(module), PyObject *args) {
    int fds[2];
    unsigned long long starts[2], length, done = 0;
    if (!PyArg_ParseTuple(args, "iKiKK", &fds[0], &starts[0], &fds[1], &starts[1], &length)) return NULL;
    uint8_t *buffer = PyMem_RawMalloc(2 * CHUNK);
    if (!buffer) return PyErr_NoMemory();
    int equal = 1, failed = 0;
    Py_BEGIN_ALLOW_THREADS
    while (done < length && equal && !failed) {
        size_t size = length - done < CHUNK ? (size_t)(length - done) : CHUNK;
        for (int k = 0; k < 2 && !failed; k++)
            for (size_t have = 0; have < size && !failed;) {
                ssize_t got = pread(fds[k], buffer + k * CHUNK + have, size - have, (off_t)(starts[k] + done + have));
                if (got > 0) have += (size_t)got;
                else failed = got < 0 ? errno : -1;
            }
        if (!failed) equal = !memcmp(buffer, buffer + CHUNK, size);
        done += size;
    }
    Py_END_ALLOW_THREADS
    PyMem_RawFree(buffer);
    if (failed > 0) { errno = failed; return PyErr_SetFromErrno(PyExc_OSError); }
    if (failed) { PyErr_SetString(PyExc_EOFError, SHORT_FILE); return NULL; }
    return PyBool_FromLong(equal);
}

static PyMethodDef scanner_methods[] = {
    {"original", (PyCFunction)scan_original, METH_VARARGS, "See deid.verify.scanner.Scanner."},
    {"output", (PyCFunction)scan_output, METH_VARARGS, "See deid.verify.scanner.Scanner."},
    {"known", (PyCFunction)is_known, METH_VARARGS, "See deid.verify.scanner.Scanner."},
    {"again", (PyCFunction)judge_again, METH_VARARGS, "See deid.verify.scanner.Scanner."},
    {"pattern", (PyCFunction)add_pattern, METH_VARARGS, "See deid.verify.scanner.Scanner."},
    {"uid", (PyCFunction)add_uid, METH_VARARGS, "See deid.verify.scanner.Scanner."},
    {"find", (PyCFunction)find_in, METH_VARARGS, "See deid.verify.scanner.Scanner."},
    {NULL, NULL, 0, NULL}};

static PyType_Slot scanner_slots[] = {
    {Py_tp_init, scanner_init}, {Py_tp_dealloc, scanner_free}, {Py_tp_methods, scanner_methods},
    {Py_tp_new, PyType_GenericNew}, {0, NULL}};
static PyType_Spec scanner_spec = {"deid._search.Scanner", sizeof(Scanner), 0, Py_TPFLAGS_DEFAULT, scanner_slots};

static PyMethodDef module_methods[] = {
    {"sample", sample, METH_VARARGS, "See deid.verify.stretch."},
    {"same", same, METH_VARARGS, "See deid.verify.stretch."},
    {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_search", NULL, -1, module_methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__search(void) {
    for (int i = 0; i < 256; i++) LOWER[i] = (uint8_t)(i >= 'A' && i <= 'Z' ? i + 32 : i);
    PyObject *made = PyModule_Create(&module), *type = made ? PyType_FromSpec(&scanner_spec) : NULL;
    if (!type || PyModule_AddObject(made, "Scanner", type)) { Py_XDECREF(type); Py_XDECREF(made); return NULL; }
    return made;
}
