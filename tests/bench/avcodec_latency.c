/*
 * avcodec_latency.c - how long after a frame's last byte libavformat and
 * libavcodec have its picture: one thread, AV_CODEC_FLAG_LOW_DELAY, and no
 * stream info, for which libavformat would read ahead.
 *
 *   avcodec_latency THREADS FILE
 */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "bench.h"
#include "paced.h"

static int read_paced(void *user, uint8_t *buffer, int len) {
  size_t n = paced_read(user, buffer, (size_t)len);
  return n == 0 ? AVERROR_EOF : (int)n;
}

static AVFormatContext *open_stream(struct paced *source) {
  AVFormatContext *context = avformat_alloc_context();
  uint8_t *buffer = av_malloc(BENCH_PIECE);
  if (context == NULL || buffer == NULL) bench_fail("out of memory");
  context->pb = avio_alloc_context(buffer, BENCH_PIECE, 0, source, read_paced,
                                   NULL, NULL);
  if (context->pb == NULL) bench_fail("out of memory");
  context->flags |= AVFMT_FLAG_NOBUFFER;
  if (avformat_open_input(&context, NULL, av_find_input_format("matroska"),
                          NULL) < 0)
    bench_fail("libavformat cannot open it");
  return context;
}

static AVCodecContext *open_decoder(const AVStream *stream, int threads) {
  const AVCodec *codec = avcodec_find_decoder(stream->codecpar->codec_id);
  AVCodecContext *decoder = avcodec_alloc_context3(codec);
  if (decoder == NULL ||
      avcodec_parameters_to_context(decoder, stream->codecpar) < 0)
    bench_fail("out of memory");
  decoder->thread_count = threads;
  decoder->flags |= AV_CODEC_FLAG_LOW_DELAY;
  decoder->pkt_timebase = stream->time_base;
  if (avcodec_open2(decoder, codec, NULL) < 0) bench_fail("no decoder");
  return decoder;
}

/* packet NULL: the pictures still inside. */
static void decode(struct paced *source, AVCodecContext *decoder,
                   const AVPacket *packet, AVFrame *frame, int64_t tick_ns) {
  if (avcodec_send_packet(decoder, packet) < 0) bench_fail("a frame failed");
  while (avcodec_receive_frame(decoder, frame) >= 0)
    paced_shown(source, frame->pts * tick_ns);
}

int main(int argc, char **argv) {
  AVPacket *packet = av_packet_alloc();
  AVFrame *frame = av_frame_alloc();
  AVFormatContext *context;
  AVCodecContext *decoder;
  struct paced source;
  int64_t tick_ns;
  if (argc != 3) bench_fail("usage: avcodec_latency THREADS FILE");
  if (packet == NULL || frame == NULL) bench_fail("out of memory");
  paced_open(&source, argv[2]);
  context = open_stream(&source);
  decoder = open_decoder(context->streams[0], (int)strtol(argv[1], NULL, 10));
  tick_ns = INT64_C(1000000000) * context->streams[0]->time_base.num /
            context->streams[0]->time_base.den;
  while (av_read_frame(context, packet) >= 0) {
    if (packet->stream_index == 0)
      decode(&source, decoder, packet, frame, tick_ns);
    av_packet_unref(packet);
  }
  decode(&source, decoder, NULL, frame, tick_ns);
  paced_report(&source);
  avcodec_free_context(&decoder);
  av_freep(&context->pb->buffer);
  avio_context_free(&context->pb);
  avformat_close_input(&context);
  av_frame_free(&frame);
  av_packet_free(&packet);
  paced_close(&source);
  return 0;
}
