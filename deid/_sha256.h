/* SHA-256 (FIPS 180-4), one block at a time, by the processor's own instructions where it has them. */
#ifndef DEID_SHA256_H
#define DEID_SHA256_H
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(DEID_PORTABLE)
#define SHA256_X86
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t sha256_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
static const uint32_t sha256_k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void sha256_plain(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], a, b, c, d, e, f, g, h;
#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))
    for (int at = 0; at < 16; at++)
        w[at] = (uint32_t)block[4 * at] << 24 | (uint32_t)block[4 * at + 1] << 16 | (uint32_t)block[4 * at + 2] << 8 |
                block[4 * at + 3];
    for (int at = 16; at < 64; at++) {
        uint32_t early = w[at - 15], late = w[at - 2];
        w[at] = w[at - 16] + (ROTATE(early, 7) ^ ROTATE(early, 18) ^ early >> 3) + w[at - 7] +
                (ROTATE(late, 17) ^ ROTATE(late, 19) ^ late >> 10);
    }
    a = state[0], b = state[1], c = state[2], d = state[3];
    e = state[4], f = state[5], g = state[6], h = state[7];
#define ROUND(a, b, c, d, e, f, g, h, at)                                                                              \
    h += (ROTATE(e, 6) ^ ROTATE(e, 11) ^ ROTATE(e, 25)) + ((e & f) ^ (~e & g)) + sha256_k[at] + w[at];                 \
    d += h;                                                                                                            \
    h += (ROTATE(a, 2) ^ ROTATE(a, 13) ^ ROTATE(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))
    for (int at = 0; at < 64; at += 8) {
        ROUND(a, b, c, d, e, f, g, h, at);
        ROUND(h, a, b, c, d, e, f, g, at + 1);
        ROUND(g, h, a, b, c, d, e, f, at + 2);
        ROUND(f, g, h, a, b, c, d, e, at + 3);
        ROUND(e, f, g, h, a, b, c, d, at + 4);
        ROUND(d, e, f, g, h, a, b, c, at + 5);
        ROUND(c, d, e, f, g, h, a, b, at + 6);
        ROUND(b, c, d, e, f, g, h, a, at + 7);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
#undef ROUND
#undef ROTATE
}

#ifdef SHA256_X86
/* The same with the SHA extensions; the words lie as sha256rnds2 wants them: ABEF and CDGH (Intel SDM, volume 2). */
__attribute__((target("sha,sse4.1"))) static void sha256_x86(uint32_t state[8], const uint8_t *block)
{
    const __m128i swap = _mm_set_epi64x(0x0C0D0E0F08090A0BLL, 0x0405060700010203LL);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xF0);
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i m[4];
    for (int at = 0; at < 4; at++)
        m[at] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(block + 16 * at)), swap);
    for (int at = 0; at < 16; at++) {
        __m128i now = m[0], sum = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(sha256_k + 4 * at)));
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
        abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
        now = _mm_add_epi32(_mm_sha256msg1_epu32(now, m[1]), _mm_alignr_epi8(m[3], m[2], 4));
        m[0] = m[1], m[1] = m[2], m[2] = m[3];
        m[3] = _mm_sha256msg2_epu32(now, m[2]);
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)state, _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(high, low, 8));
}
#endif

static void (*sha256_block)(uint32_t state[8], const uint8_t *block) = sha256_plain;

/* Choose the fastest way that this processor has. */
static void sha256_choose(void)
{
#ifdef SHA256_X86
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_SSSE3) && (c & bit_SSE4_1) &&
        __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA))
        sha256_block = sha256_x86;
#endif
}

/* Finish a hash of which one block is in `state`, with a message of at most 375 bytes. */
static void sha256_finish(uint32_t state[8], const uint8_t *message, size_t length, uint8_t digest[32])
{
    uint8_t padded[384];
    size_t blocks = (length + 9 + 63) / 64;
    uint64_t bits = (uint64_t)(64 + length) * 8;
    memcpy(padded, message, length);
    memset(padded + length, 0, blocks * 64 - length);
    padded[length] = 0x80;
    for (int at = 0; at < 8; at++)
        padded[blocks * 64 - 1 - (size_t)at] = (uint8_t)(bits >> 8 * at);
    for (size_t at = 0; at < blocks; at++)
        sha256_block(state, padded + 64 * at);
    for (int at = 0; at < 32; at++)
        digest[at] = (uint8_t)(state[at / 4] >> (24 - 8 * (at % 4)));
}

#endif
