/*
 * How a frame lies on the wire between the server and a child: a length of 4 bytes, little-endian, then the
 * bytes. For child.c and child_side.c alone; what a frame may say is child.h's.
 */
#ifndef EIDOLON_LOOP_CHILD_FRAME_H
#define EIDOLON_LOOP_CHILD_FRAME_H

#include <stdint.h>

enum {
    CHILD_WIRE = 3, /* the child's descriptor */
    CHILD_HEAD = 4, /* bytes of a frame's length */
};

static inline void child_head_write(char to[CHILD_HEAD], uint32_t n)
{
    for (int i = 0; i < CHILD_HEAD; i++)
        to[i] = (char)(n >> (8 * i) & 0xff);
}

static inline uint32_t child_head_read(const char from[CHILD_HEAD])
{
    uint32_t n = 0;
    for (int i = 0; i < CHILD_HEAD; i++)
        n |= (uint32_t)(unsigned char)from[i] << (8 * i);
    return n;
}

#endif
