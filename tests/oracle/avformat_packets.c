/*
 * avformat_packets.c - the frames of a file as libavformat delivers them, in
 * the lines of frame_line.h.  Nothing is guessed, parsed or filled in: what
 * comes is what its Matroska demuxer makes of the Blocks.
 */
#include <libavformat/avformat.h>
#include <stdio.h>
#include <string.h>

#include "oracle/frame_line.h"

static int open_file(AVFormatContext **context, const char *path) {
  const AVInputFormat *matroska = av_find_input_format("matroska");
  AVFormatContext *made = avformat_alloc_context();
  if (matroska == NULL || made == NULL) {
    avformat_free_context(made);
    return AVERROR_DEMUXER_NOT_FOUND;
  }
  made->flags |= AVFMT_FLAG_NOFILLIN | AVFMT_FLAG_NOPARSE;
  *context = made; /* which frees it when it fails */
  return avformat_open_input(context, path, matroska, NULL);
}

static void print_packet(const AVFormatContext *context,
                         const AVPacket *packet) {
  static const AVRational nanosecond = {1, 1000000000};
  const AVStream *stream = context->streams[packet->stream_index];
  struct frame_line line = {0};
  int64_t ticks = packet->pts;
  /* An attachment that is a picture, which is no Block. */
  if (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) return;
  line.stream = packet->stream_index;
  line.data = packet->data;
  line.size = (size_t)packet->size;
  /* V_MS/VFW/FOURCC: it takes the Block's time for a decoding time. */
  if (ticks == AV_NOPTS_VALUE) ticks = packet->dts;
  line.has_pts = ticks != AV_NOPTS_VALUE;
  if (line.has_pts)
    line.pts_ns = av_rescale_q(ticks, stream->time_base, nanosecond);
  line.key = (packet->flags & AV_PKT_FLAG_KEY) != 0;
  frame_line_print(&line);
}

static int print_packets(AVFormatContext *context) {
  AVPacket *packet = av_packet_alloc();
  int rc = packet == NULL ? AVERROR(ENOMEM) : 0;
  while (rc >= 0) {
    rc = av_read_frame(context, packet);
    if (rc >= 0) print_packet(context, packet);
    if (rc >= 0) av_packet_unref(packet);
  }
  av_packet_free(&packet);
  return rc;
}

int main(int argc, char **argv) {
  AVFormatContext *context = NULL;
  int rc;
  if (argc == 2 && strcmp(argv[1], "--version") == 0) {
    printf("libavformat %u.%u.%u\n", AV_VERSION_MAJOR(avformat_version()),
           AV_VERSION_MINOR(avformat_version()),
           AV_VERSION_MICRO(avformat_version()));
    return 0;
  }
  if (argc != 2) {
    fprintf(stderr, "usage: avformat_packets FILE|--version\n");
    return 2;
  }
  rc = open_file(&context, argv[1]);
  if (rc >= 0) rc = print_packets(context);
  avformat_close_input(&context);
  if (rc != AVERROR_EOF)
    fprintf(stderr, "avformat_packets: %s: %s\n", argv[1], av_err2str(rc));
  if (fflush(stdout) != 0 || ferror(stdout)) return 1;
  return rc == AVERROR_EOF ? 0 : 1;
}
