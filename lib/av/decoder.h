/*
 * decoder.h - what lib/av itself needs of a kvsp_decoder beyond the public
 * header: pictures that are looked at before they are converted.
 */
#ifndef KVSP_AV_DECODER_H
#define KVSP_AV_DECODER_H

#include <kvsparse/decoder.h>

/* kvsp_decoder_config with struct_size checked and defaults set; config may
 * be NULL.  KVSP_OK, KVSP_ERR_ARG. */
int kvsp_av_decoder_config(kvsp_decoder_config *out,
                           const kvsp_decoder_config *config);

/* As kvsp_decoder_receive, but the picture is native, its format and planes
 * to be set by kvsp_av_decoder_convert().  *flags are its frame's KVSP_FRAME_*.
 */
int kvsp_av_decoder_receive(kvsp_decoder *d, const kvsp_picture **picture,
                            uint32_t *flags);
/* Converts the picture that was received last.  KVSP_OK, KVSP_ERR_CODEC,
 * KVSP_ERR_NOMEM. */
int kvsp_av_decoder_convert(kvsp_decoder *d);

/* A frame was lost: pictures up to the next key frame are damaged, which not
 * every codec notices by itself. */
void kvsp_av_decoder_lost_frame(kvsp_decoder *d);

/* 1 when every frame of its codec decodes by itself. */
int kvsp_av_decoder_intra_only(const kvsp_decoder *d);

#endif
