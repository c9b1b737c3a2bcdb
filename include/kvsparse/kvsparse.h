/*
 * kvsparse.h - all of libkvsparse: the consumer side of Amazon Kinesis Video
 * Streams.
 *
 * A whole program, which prints each frame of a GetMedia response:
 *
 *   #include <kvsparse/kvsparse.h>
 *   #include <stdio.h>
 *
 *   static int on_item(void *user, const kvsp_item *item) {
 *     (void)user;
 *     if (item->type == KVSP_ITEM_FRAME)
 *       printf("track %u, %.3f s, %u bytes\n",
 *              (unsigned)item->frame->track->number,
 *              (double)item->frame->pts_ns / 1e9, (unsigned)item->frame->size);
 *     return 0;
 *   }
 *
 *   int main(void) {
 *     kvsp_reader *reader;
 *     char buffer[65536];
 *     size_t n;
 *     if (kvsp_reader_new(&reader, NULL) != KVSP_OK) return 1;
 *     do {
 *       n = fread(buffer, 1, sizeof buffer, stdin);
 *       if (kvsp_reader_visit(reader, buffer, n, n ? 0 : KVSP_FINAL, on_item,
 *                             NULL) < 0) return 1;
 *     } while (n > 0);
 *     kvsp_reader_free(reader);
 *     return 0;
 *   }
 *
 * Compile: cc prog.c $(pkg-config --cflags --libs kvsparse)
 * Pictures: <kvsparse/pictures.h>, pkg-config kvsparse-av.
 */
#ifndef KVSPARSE_KVSPARSE_H
#define KVSPARSE_KVSPARSE_H

#include <kvsparse/collector.h>
#include <kvsparse/common.h>
#include <kvsparse/ebml.h>
#include <kvsparse/merger.h>
#include <kvsparse/reader.h>
#include <kvsparse/tokenizer.h>

#endif
