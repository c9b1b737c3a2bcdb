/*
 * nal_units.h - H.264 and H.265 as encoders write them (Annex B, start codes)
 * turned into what Matroska stores: NAL units with their lengths in front, and
 * a decoder configuration record as CodecPrivate.  Knows the two codecs'
 * outer shape for 8 bit 4:2:0; does not look into slices.
 */
#ifndef KVSPARSE_TOOLS_NAL_UNITS_H
#define KVSPARSE_TOOLS_NAL_UNITS_H

#include <kvsparse/common.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow; zero it, free(data) at the end. */
struct nal_bytes {
  uint8_t *data;
  size_t size;
  size_t capacity;
};

/* Each empties out first and returns 0, or -1 without memory or when the
 * parameter sets are not all there. */

/* Four bytes of length instead of each start code. */
int nal_with_lengths(kvsp_view annex_b, struct nal_bytes *out);
/* AVCDecoderConfigurationRecord, ISO/IEC 14496-15, 5.3.3.1. */
int nal_avc_configuration(kvsp_view annex_b, struct nal_bytes *out);
/* HEVCDecoderConfigurationRecord, ISO/IEC 14496-15, 8.3.3.1. */
int nal_hevc_configuration(kvsp_view annex_b, struct nal_bytes *out);

#endif
