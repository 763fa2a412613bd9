/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants: how QEMU's PV back ends reach the guest's memory
 *
 * The guest writes entries of its grant table (version 1): domain 0, which is
 * QEMU, may read or also write a frame.  A back end names entries by number
 * (a "ref") and either copies bytes from and to the frame, or maps it.  Prefer
 * to copy: nothing stays mapped, and nothing must be undone at the end.
 *
 * What both guarantee:
 *  - Only RAM of the guest that the guest itself may write is reached.  ROM
 *    (also RAM that the chip set write-protects), flash, MMIO and RAM of
 *    devices are refused, for reading too.
 *  - An entry is read once.  While it is in use (GTF_reading, GTF_writing) its
 *    frame is the one that it had at first; what the guest writes there
 *    meanwhile has no effect until the last user is gone.
 *  - A write through an entry that is, or while unused becomes, read-only is
 *    refused.
 *  - What is written is dirty for migration and display, and TCG drops what
 *    it translated from there: as with DMA.
 *  - The memory lives as long as it is used.  If its page goes away (unplug, an
 *    overlay page over it), data goes to or comes from memory that the guest no
 *    longer sees.
 *
 * Errors are Xen's, GNTST_*, 0 being GNTST_okay:
 *  GNTST_bad_domain     @domid is not the guest
 *  GNTST_bad_gntref     there is no such entry in the table
 *  GNTST_general_error  the entry does not permit it (type, domain, read-only,
 *                       sub-page), has too many users, or the guest does not
 *                       stop changing it
 *  GNTST_bad_page       no RAM of the guest is there
 *  GNTST_bad_copy_arg   a segment crosses the end of the page
 *
 * Threads: all functions can be called in any thread, with or without the BQL.
 * They never take the BQL, and never wait but for a short lock of their own.
 * Calls about the same XenGrantMap must not run at the same time.
 *
 * The end of a domain (reset): xen_gnttab_reset() waits for copies that are
 * running and revokes mappings.  No copy started later uses an entry of the old
 * guest.  Back ends are expected to have disconnected before that; a mapping
 * that still exists then is revoked, see xen_grant_map_page().
 *
 * ABI: Xen's public/grant_table.h.
 */
#ifndef HW_XEN_EMU_GRANT_H
#define HW_XEN_EMU_GRANT_H

#include <stdbool.h>
#include <stdint.h>

#define XEN_GRANT_PAGE_SIZE     4096

/*
 * Users of an entry at a time, of mappings and copies each that reads or
 * writes: the counters are 16 bits wide.  One more is GNTST_general_error.
 */
#define XEN_GRANT_MAX_USERS     UINT16_MAX

/* ------------------------------------------------------------------- copy */

typedef struct XenGrantSeg {
    uint32_t ref;
    uint16_t offset;            /* in the page, bytes */
    uint16_t len;               /* bytes; 0 checks the entry only */
    bool to_guest;              /* else from the guest */
    int16_t status;             /* out: GNTST_* */
    void *data;                 /* QEMU's side, @len bytes */
} XenGrantSeg;

/*
 * Copies each of @nr segments, in their order, whatever became of those before.
 * Each gets its status.  Returns the first that is not GNTST_okay, or
 * GNTST_okay.  Where a segment from the guest fails its @data is unchanged.
 */
int16_t xen_grant_copy(unsigned domid, XenGrantSeg *segs, unsigned nr);

/* -------------------------------------------------------------------- map */

typedef struct XenGrantMap XenGrantMap;

/* Entries in one mapping. */
#define XEN_GRANT_MAP_MAX       256

/*
 * Maps the @nr frames (1 to XEN_GRANT_MAP_MAX) that @refs name, all or none.
 * @write: for writing too.  NULL with the reason in *@status, which may be NULL
 * itself.  The caller ends it by xen_grant_unmap().
 */
XenGrantMap *xen_grant_map(unsigned domid, const uint32_t *refs, unsigned nr,
                           bool write, int16_t *status);
/*
 * Frame number @i of the mapping, XEN_GRANT_PAGE_SIZE bytes, shared with the
 * guest: read each field once.  Frames are not contiguous.  The address is
 * valid until xen_grant_unmap().
 *
 * Once revoked it is another page, which belongs to nobody: all zeroes at
 * first.  An address from before the reset still points to memory, but the
 * memory is another guest's now: so do not keep it over a reset.
 */
void *xen_grant_map_page(XenGrantMap *map, unsigned i);
/* Ends it; NULL is a no-op. */
void xen_grant_unmap(XenGrantMap *map);

/* "GNTST_bad_page", for messages; "unknown status". */
const char *xen_grant_strstatus(int16_t status);

/*
 * Makes this module QEMU's gnttab_backend_ops, for back ends that use
 * hw/xen/xen_backend_ops.h.  Once, before there are back ends; BQL.
 */
void xen_grant_register_backend_ops(void);

#endif
