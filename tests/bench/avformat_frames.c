/*
 * avformat_frames.c - libavformat's Matroska demuxer, as most programs use it;
 * with --plain without stream info, parsers and filled-in times, which is the
 * least that it can be asked for.  Tracks are told by their place, which is
 * their number less one in all inputs of make bench.
 */
#include <libavformat/avformat.h>

#include "bench.h"

static AVFormatContext *open_file(const char *path, int plain) {
  AVFormatContext *context = avformat_alloc_context();
  if (context == NULL) bench_fail("out of memory");
  if (plain) context->flags |= AVFMT_FLAG_NOFILLIN | AVFMT_FLAG_NOPARSE;
  if (avformat_open_input(&context, path,
                          plain ? av_find_input_format("matroska") : NULL,
                          NULL) < 0)
    bench_fail("libavformat cannot open it");
  if (!plain && avformat_find_stream_info(context, NULL) < 0)
    bench_fail("libavformat finds no stream info");
  return context;
}

static void take_packet(struct bench_sum *sum, const AVFormatContext *context,
                        const AVPacket *packet) {
  const AVRational base = context->streams[packet->stream_index]->time_base;
  int64_t tick_ns = INT64_C(1000000000) * base.num / base.den;
  bench_add(sum, (uint64_t)packet->stream_index + 1, packet->pts * tick_ns,
            (packet->flags & AV_PKT_FLAG_KEY) != 0, packet->data,
            (size_t)packet->size);
}

int main(int argc, char **argv) {
  int plain = argc == 3 && strcmp(argv[1], "--plain") == 0;
  struct bench_sum sum = {0, 0, 0};
  AVFormatContext *context;
  AVPacket *packet;
  int rc;
  if (argc != 2 + plain) bench_fail("usage: avformat_frames [--plain] FILE");
  av_log_set_level(AV_LOG_QUIET); /* the frames are noise: it would complain */
  context = open_file(argv[argc - 1], plain);
  packet = av_packet_alloc();
  if (packet == NULL) bench_fail("out of memory");
  for (rc = av_read_frame(context, packet); rc >= 0;
       rc = av_read_frame(context, packet)) {
    take_packet(&sum, context, packet);
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&context);
  bench_print(&sum);
  return rc == AVERROR_EOF ? 0 : 1;
}
