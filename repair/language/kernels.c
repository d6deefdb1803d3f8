/* The inner loops of the language model and of the beam search, for `repair.language.kernels`.

   What these functions compute is defined by the numpy code of ngram.py and lattice.py, which stands in where
   nothing was compiled: same operations on single-precision numbers in the same order, same results. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define API __declspec(dllexport)
#else
#define API __attribute__((visibility("default")))
#endif

#define ABI 3
#define MAX_ORDER 8
#define BOS 1
#define TAKEN (-1)

#if defined(__GNUC__) || defined(__clang__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif

typedef struct {
    int64_t order;
    int64_t pad;
    uint32_t radix;
    const float *unigram;
    const float *unigram_backoff;
    /* One of each for every order from 2 on. */
    uint32_t buckets[MAX_ORDER];
    const uint64_t *rows[MAX_ORDER];
    const uint8_t *codes[MAX_ORDER];
    const uint8_t *backoff_codes[MAX_ORDER];
    const float *values[MAX_ORDER];
    const float *backoffs[MAX_ORDER];
    const uint32_t *first[MAX_ORDER];
    const uint32_t *second[MAX_ORDER];
} Model;

API int64_t repair_abi(void) { return ABI; }

static int64_t probe(uint64_t row, uint32_t check, uint32_t bucket) {
    for (int lane = 0; lane < 4; lane++)
        if ((uint16_t)(row >> (16 * lane)) == (uint16_t)check) return 4 * (int64_t)bucket + lane;
    return -1;
}

typedef struct {
    uint32_t check, a, b;
} Place;

/* Where the n-gram that is the one in slot `prefix` of the order below and `symbol` would be: its check, and the two
   buckets, which are fetched. `t`: order - 2. */
static Place locate(const Model *m, int t, uint32_t prefix, uint32_t symbol) {
    uint32_t buckets = m->buckets[t];
    uint32_t block = prefix / buckets, home = prefix - block * buckets;
    Place p = {symbol + block * m->radix, 0, 0};
    p.a = home + m->first[t][p.check];
    p.b = home + m->second[t][p.check];
    if (p.a >= buckets) p.a -= buckets;
    if (p.b >= buckets) p.b -= buckets;
    PREFETCH(&m->rows[t][p.a]);
    PREFETCH(&m->rows[t][p.b]);
    return p;
}

/* Its slot, or -1. */
static int64_t find(const Model *m, int t, Place p) {
    int64_t slot = probe(m->rows[t][p.a], 2 * p.check + 1, p.a);
    return slot >= 0 ? slot : probe(m->rows[t][p.b], 2 * p.check + 2, p.b);
}

static float backoff_of(const Model *m, int t, int64_t slot) {
    return m->backoff_codes[t] ? m->backoffs[t][m->backoff_codes[t][slot]] : 0.0f;
}

#define BATCH 16

typedef struct {
    const uint32_t *symbols;
    int64_t width, first;
    float *out;                /* width - first scores */
    int64_t slots[MAX_ORDER];  /* of the n-grams of 2, 3, ... symbols that end at the symbol before */
    float backoff[MAX_ORDER];  /* of 1, 2, ... symbols that end there, 0 for those that are not there */
    int known;                 /* how many of `slots` there are: each needs the shorter one */
    int64_t found[MAX_ORDER];  /* the same for the symbol itself */
    int count;
    float total;
    int wanted;
    Place place;
} Row;

/* Scores rows side by side, so that their reads from memory, which take nearly all the time, overlap. Their first
   `common` symbols are the same: they are scored once. */
static void score_batch(const Model *m, Row *rows, int all, int64_t common) {
    int top = (int)m->order - 1; /* tables */
    int64_t width = 0;
    for (int r = 0; r < all; r++)
        if (rows[r].width > width) width = rows[r].width;
    for (int64_t i = 0; i < width; i++) {
        int n = i < common ? 1 : all;
        for (int r = 0; r < n; r++) {
            Row *row = &rows[r];
            row->count = 0;
            if (i < row->width) row->total = m->unigram[row->symbols[i]];
        }
        for (int t = 0; i > 0 && t < top; t++) {
            for (int r = 0; r < n; r++) {
                Row *row = &rows[r];
                row->wanted = i < row->width && row->count == t && row->known >= t;
                row->total += row->backoff[t];
                if (!row->wanted) continue;
                uint32_t prefix = t ? (uint32_t)row->slots[t - 1] : row->symbols[i - 1];
                row->place = locate(m, t, prefix, row->symbols[i]);
            }
            for (int r = 0; r < n; r++) {
                Row *row = &rows[r];
                if (!row->wanted) continue;
                int64_t slot = find(m, t, row->place);
                if (slot < 0) continue;
                row->found[row->count++] = slot;
                PREFETCH(&m->codes[t][slot]);
                if (t + 1 < top && m->backoff_codes[t]) PREFETCH(&m->backoff_codes[t][slot]);
            }
            for (int r = 0; r < n; r++) {
                Row *row = &rows[r];
                if (row->wanted && row->count > t) row->total = m->values[t][m->codes[t][row->found[t]]];
            }
        }
        for (int r = 0; r < n; r++) {
            Row *row = &rows[r];
            if (i >= row->width) continue;
            uint32_t symbol = row->symbols[i];
            row->backoff[0] = m->unigram_backoff[symbol];
            for (int t = 0; t + 1 < top; t++) {
                row->slots[t] = row->found[t];
                row->backoff[t + 1] = t < row->count ? backoff_of(m, t, row->found[t]) : 0.0f;
            }
            row->known = row->count;
            if (i >= row->first)
                row->out[i - row->first] = symbol == BOS || symbol == m->pad ? 0.0f : row->total;
        }
        for (int r = 1; i < common && r < all; r++) {
            Row *row = &rows[r];
            memcpy(row->slots, rows[0].slots, sizeof row->slots);
            memcpy(row->backoff, rows[0].backoff, sizeof row->backoff);
            row->known = rows[0].known;
            if (i >= row->first) row->out[i - row->first] = rows[0].out[i - row->first];
        }
    }
}

/* Scores of the columns from `first` on of each row of `width` symbols: `out` (rows, width - first). */
API void repair_score_rows(const Model *m, const uint32_t *symbols, int64_t rows, int64_t width, int64_t first,
                           float *out) {
    for (int64_t r = 0; r < rows; r += BATCH) {
        Row batch[BATCH] = {{0}};
        int n = 0;
        for (; n < BATCH && r + n < rows; n++) {
            batch[n].symbols = symbols + (r + n) * width;
            batch[n].width = width;
            batch[n].first = first;
            batch[n].out = out + (r + n) * (width - first);
        }
        int64_t common = 0;
        for (int same = 1; same && common < width; common += same)
            for (int k = 1; k < n; k++) same = same && batch[k].symbols[common] == batch[0].symbols[common];
        score_batch(m, batch, n, common);
    }
}

/* Scores of a text: `symbols` and `out` (n,). It is cut into pieces that are scored side by side, each from a few
   symbols before it on. */
API void repair_score_text(const Model *m, const uint32_t *symbols, int64_t n, float *out) {
    int64_t piece = n / BATCH + 1, reach = m->order - 1;
    Row batch[BATCH] = {{0}};
    int count = 0;
    for (int64_t start = 0; start < n; start += piece) {
        int64_t back = start < reach ? start : reach, end = start + piece < n ? start + piece : n;
        Row *row = &batch[count++];
        row->symbols = symbols + start - back;
        row->first = back;
        row->width = back + end - start;
        row->out = out + start;
    }
    score_batch(m, batch, count, 0);
}

/* One symbol after a state makes a new state and has a score. States: `order - 1` slots, -1 where there is none. An
   unknown n-gram makes longer ones that begin with it unknown, too. */
typedef struct {
    const int64_t *state;
    uint32_t symbol;
    int64_t *next;
    float total;
    int wanted;
    Place place;
    int64_t slot;
} Step;

/* `extend` for several states side by side. */
static void extend_batch(const Model *m, Step *steps, int n) {
    int top = (int)m->order - 1;
    for (int k = 0; k < n; k++) {
        Step *s = &steps[k];
        s->total = m->unigram[s->symbol];
        s->next[0] = s->symbol;
        for (int t = 1; t < top; t++) s->next[t] = -1;
    }
    for (int t = 0; t < top; t++) {
        for (int k = 0; k < n; k++) {
            Step *s = &steps[k];
            s->wanted = s->state[t] >= 0;
            if (s->wanted) s->place = locate(m, t, (uint32_t)s->state[t], s->symbol);
        }
        for (int k = 0; k < n; k++) {
            Step *s = &steps[k];
            if (!s->wanted) continue;
            s->total += t ? backoff_of(m, t - 1, s->state[t]) : m->unigram_backoff[s->state[0]];
            s->slot = find(m, t, s->place);
            if (s->slot >= 0) PREFETCH(&m->codes[t][s->slot]);
        }
        for (int k = 0; k < n; k++) {
            Step *s = &steps[k];
            if (!s->wanted || s->slot < 0) continue;
            s->total = m->values[t][m->codes[t][s->slot]];
            if (t + 1 < top) s->next[t + 1] = s->slot;
        }
    }
    for (int k = 0; k < n; k++)
        if (steps[k].symbol == BOS || steps[k].symbol == m->pad) steps[k].total = 0.0f;
}

/* `slots` (order - 1, n), `row` and `symbols` (count,), `next` (order - 1, count), `out` (count,). */
API void repair_extend(const Model *m, const int64_t *slots, int64_t n, const uint32_t *symbols, const int64_t *row,
                       int64_t count, int64_t *next, float *out) {
    int size = (int)m->order - 1;
    int64_t states[BATCH][MAX_ORDER], reached[BATCH][MAX_ORDER];
    Step steps[BATCH];
    for (int64_t k = 0; k < count; k += BATCH) {
        int some = count - k < BATCH ? (int)(count - k) : BATCH;
        for (int j = 0; j < some; j++) {
            for (int t = 0; t < size; t++) states[j][t] = slots[t * n + row[k + j]];
            steps[j].state = states[j];
            steps[j].symbol = symbols[k + j];
            steps[j].next = reached[j];
        }
        extend_batch(m, steps, some);
        for (int j = 0; j < some; j++) {
            out[k + j] = steps[j].total;
            for (int t = 0; t < size; t++) next[t * count + k + j] = reached[j][t];
        }
    }
}

/* Indices of the `count` largest sums of two rows, of equal ones the first; in no order. */
API void repair_largest(const float *left, const float *right, int64_t n, int64_t count, int64_t *out) {
    float kept[64];
    int64_t size = 0, least = 0;
    if (count > 64) count = 64;
    for (int64_t i = 0; i < n; i++) {
        float value = left[i] + right[i];
        if (size < count) {
            kept[size] = value;
            out[size++] = i;
        } else if (value > kept[least]) {
            kept[least] = value;
            out[least] = i;
        } else {
            continue;
        }
        if (size == count) {
            least = 0;
            for (int64_t k = 1; k < count; k++)
                if (kept[k] < kept[least] || (kept[k] == kept[least] && out[k] > out[least])) least = k;
        }
    }
}

typedef struct {
    int64_t state[MAX_ORDER];
    float score;
    float rank; /* what it is compared by */
    int64_t node;
    int64_t place;
    int64_t arc;
} Hypothesis;

typedef struct {
    Hypothesis *items;
    int64_t size, room;
} List;

typedef struct {
    int64_t *parent, *place, *arc;
    int64_t size, room;
} Trace;

static Hypothesis *grown(List *list) {
    if (list->size == list->room) {
        int64_t room = list->room ? 2 * list->room : 256;
        Hypothesis *items = realloc(list->items, (size_t)room * sizeof *items);
        if (!items) return NULL;
        list->items = items;
        list->room = room;
    }
    return &list->items[list->size++];
}

static int64_t noted(Trace *trace, int64_t parent, int64_t place, int64_t arc) {
    if (trace->size == trace->room) {
        int64_t room = trace->room ? 2 * trace->room : 1024;
        int64_t *a = realloc(trace->parent, (size_t)room * sizeof *a);
        if (a) trace->parent = a;
        int64_t *b = realloc(trace->place, (size_t)room * sizeof *b);
        if (b) trace->place = b;
        int64_t *c = realloc(trace->arc, (size_t)room * sizeof *c);
        if (c) trace->arc = c;
        if (!a || !b || !c) return -1;
        trace->room = room;
    }
    trace->parent[trace->size] = parent;
    trace->place[trace->size] = place;
    trace->arc[trace->size] = arc;
    return trace->size++;
}

static int held(const Hypothesis *h, int size) {
    int count = 0;
    for (int t = 0; t < size; t++) count += h->state[t] >= 0;
    return count;
}

/* Leave in `list` the `width` best by rank, of those in the same state the best, best first and else as they came. */
static void keep_best(List *list, List *spare, int64_t width, float beam, int size) {
    int64_t n = list->size, kept = 0;
    if (!n) return;
    float lead = list->items[0].rank;
    for (int64_t i = 1; i < n; i++)
        if (list->items[i].rank > lead) lead = list->items[i].rank;
    float least = lead - beam;
    int64_t good = 0;
    for (int64_t i = 0; i < n; i++)
        if (list->items[i].rank >= least) {
            if (good < i) list->items[good] = list->items[i];
            good++;
        }
    spare->size = 0;
    /* Selection of the next best, over and over: few are ever taken. */
    while (kept < width) {
        int64_t best = -1;
        for (int64_t i = 0; i < good; i++) {
            const Hypothesis *h = &list->items[i];
            if (h->place != TAKEN && (best < 0 || h->rank > list->items[best].rank)) best = i;
        }
        if (best < 0) break;
        Hypothesis *h = &list->items[best];
        int count = held(h, size), same = 0;
        for (int64_t k = 0; k < kept && !same; k++) {
            const Hypothesis *other = &spare->items[k];
            same = held(other, size) == count && other->state[count - 1] == h->state[count - 1];
        }
        if (!same) {
            spare->items[kept++] = *h; /* room for `width` was made before */
            spare->size = kept;
        }
        h->place = TAKEN;
    }
    memcpy(list->items, spare->items, (size_t)kept * sizeof *list->items);
    list->size = kept;
}

static int append(List *to, const List *from) {
    for (int64_t i = 0; i < from->size; i++) {
        Hypothesis *h = grown(to);
        if (!h) return 0;
        *h = from->items[i];
    }
    return 1;
}

static int note_all(List *list, Trace *trace) {
    for (int64_t i = 0; i < list->size; i++) {
        Hypothesis *h = &list->items[i];
        h->node = noted(trace, h->node, h->place, h->arc);
        if (h->node < 0) return 0;
        h->rank = h->score;
        h->place = 0;
    }
    return 1;
}

typedef struct {
    const int64_t *start;
    const uint32_t *symbol;
    const float *cost;
    const int8_t *takes;
    const float *hope;
} Arcs;

/* What comes of each hypothesis by each arc of a place: to `reached`, or to `ahead` for arcs that take two symbols.
   Log-probabilities are at most 0, so an arc whose cost alone puts it out of the beam is not followed. */
static int follow(const Model *m, const List *now, const Arcs *arcs, int64_t place, float beam, int inserting,
                  List *reached, List *ahead) {
    Step steps[BATCH];
    Hypothesis fresh[BATCH];
    int two[BATCH];
    int n = 0;
    float lead[2] = {-1e30f, -1e30f};
    int64_t low = arcs->start[place], high = arcs->start[place + 1];
    for (int64_t i = 0; i < now->size; i++)
        for (int64_t k = low; k < high; k++) {
            const Hypothesis *from = &now->items[i];
            int far = arcs->takes[k] == 2;
            float score = from->score + arcs->cost[k];
            if (score >= lead[far] - beam) {
                Hypothesis *to = &fresh[n];
                to->score = inserting ? from->score : score;
                to->node = from->node;
                to->place = place;
                to->arc = k;
                two[n] = far;
                steps[n].state = from->state;
                steps[n].symbol = arcs->symbol[k];
                steps[n].next = to->state;
                n++;
            }
            if (n < BATCH && !(n && i + 1 == now->size && k + 1 == high)) continue;
            extend_batch(m, steps, n);
            for (int j = 0; j < n; j++) {
                Hypothesis *to = &fresh[j];
                if (inserting)
                    to->score = to->score + steps[j].total + arcs->cost[to->arc];
                else if (steps[j].symbol == m->pad)
                    memcpy(to->state, steps[j].state, sizeof to->state);
                else
                    to->score += steps[j].total;
                to->rank = to->score + arcs->hope[to->arc];
                if (to->rank > lead[two[j]]) lead[two[j]] = to->rank;
                if (inserting) to->arc = -1 - to->arc;
                Hypothesis *kept = grown(two[j] ? ahead : reached);
                if (!kept) return 0;
                *kept = *to;
            }
            n = 0;
        }
    return 1;
}

/* The best path through each stretch, as lattice.search finds it. `paths_place` and `paths_arc` have room for two
   entries a symbol; `paths_size` (stretches,). Returns 0, or -1 without memory. */
API int64_t repair_search(const Model *m, int64_t stretches, const int64_t *contexts, const int64_t *length,
                          const Arcs *arcs, const Arcs *inserts, int64_t width, float beam, int64_t *paths_place,
                          int64_t *paths_arc, int64_t *paths_size) {
    int size = (int)m->order - 1;
    List now = {0}, reached = {0}, ahead = {0}, later = {0}, spare = {0};
    Trace trace = {0};
    int64_t failed = -1, base = 0, done = 0;
    while (spare.size < width)
        if (!grown(&spare)) goto end;
    for (int64_t s = 0; s < stretches; s++) {
        now.size = later.size = 0;
        trace.size = 0;
        Hypothesis *h = grown(&now);
        if (!h) goto end;
        int64_t state[MAX_ORDER] = {0}, next[MAX_ORDER];
        for (int t = 0; t < size; t++) state[t] = -1;
        state[0] = m->pad;
        for (int t = 0; t < size; t++) {
            Step one = {.state = state, .symbol = (uint32_t)contexts[s * size + t], .next = next};
            extend_batch(m, &one, 1);
            memcpy(state, next, sizeof state);
        }
        memcpy(h->state, state, sizeof state);
        h->score = h->rank = 0.0f;
        h->node = -1;
        h->place = 0;
        for (int64_t step = 0; step < length[s]; step++) {
            int64_t place = base + step;
            if (inserts->start[place] < inserts->start[place + 1]) {
                reached.size = 0;
                if (!follow(m, &now, inserts, place, beam, 1, &reached, &ahead)) goto end;
                keep_best(&reached, &spare, width, beam, size);
                if (!note_all(&reached, &trace) || !append(&now, &reached)) goto end;
            }
            reached.size = ahead.size = 0;
            if (!follow(m, &now, arcs, place, beam, 0, &reached, &ahead)) goto end;
            keep_best(&ahead, &spare, width, beam, size);
            if (!note_all(&ahead, &trace)) goto end;
            keep_best(&reached, &spare, width, beam, size);
            if (!note_all(&reached, &trace)) goto end;
            if (later.size) {
                if (!append(&reached, &later)) goto end;
                keep_best(&reached, &spare, width, beam, size);
                for (int64_t i = 0; i < reached.size; i++) reached.items[i].place = 0;
            }
            List swap = now;
            now = reached;
            reached = swap;
            swap = later;
            later = ahead;
            ahead = swap;
        }
        keep_best(&now, &spare, 1, beam, size);
        int64_t count = 0;
        for (int64_t node = now.items[0].node; node >= 0; node = trace.parent[node]) count++;
        int64_t at = done + count;
        for (int64_t node = now.items[0].node; node >= 0; node = trace.parent[node]) {
            paths_place[--at] = trace.place[node];
            paths_arc[at] = trace.arc[node];
        }
        paths_size[s] = count;
        done += count;
        base += length[s];
    }
    failed = 0;
end:
    free(now.items);
    free(reached.items);
    free(ahead.items);
    free(later.items);
    free(spare.items);
    free(trace.parent);
    free(trace.place);
    free(trace.arc);
    return failed;
}
