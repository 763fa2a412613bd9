/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of the FIFO event-channel ABI: is an event ever lost?
 *
 * The engine is that of hw/xen/emu/evtchn/abi-fifo.c: each of its atomic
 * operations is one atomic step here, and nothing else is.  The guest follows
 * the ABI.  There are one vCPU with two queues, and two ports:
 *
 *   two senders each send to both ports;
 *   a third process masks and unmasks port 1, by hypercall where the ABI
 *   requires that;
 *   port 1 changes its queue once;
 *   a consumer handles the events that it is notified of.
 *
 * An event is lost if a port is still pending at the end, when no process can
 * make a step.  The lock is the engine's vCPU lock.
 *
 * To see what each rule is for, compile with one of these:
 *   READY_FIRST     READY is set before the head is stored
 *   NO_TAIL_CHECK   a port is linked to the tail without a check whether the
 *                   guest has emptied the queue
 *   NO_TAIL_FORGET  a tail is not cleared when its port changes its queue
 *   NO_RELINK       the unmask hypercall does not link a pending port
 */
#define NR_PORTS    3               /* port 0 is none */
#define NR_QUEUES   2

/* The event words. */
bool pending[NR_PORTS], masked[NR_PORTS], linked[NR_PORTS];
byte link[NR_PORTS];

/* The control block and the upcall flag. */
byte head[NR_QUEUES];
bool ready[NR_QUEUES];
bool upcall;

/* The engine's state. */
byte tail[NR_QUEUES];
byte queue_of[NR_PORTS];            /* the queue that it is linked on next */
byte last_queue[NR_PORTS];          /* the one it is, or was last, linked on */
bool locked;

inline lock()
{
    atomic { !locked -> locked = true }
}

inline unlock()
{
    locked = false
}

inline set_ready(q)
{
    atomic { was_ready = ready[q]; ready[q] = true }
    if
    :: !was_ready -> upcall = true
    :: else
    fi
}

/* Puts a port, which has just become LINKED, on its queue. */
inline enqueue(port)
{
    q = queue_of[port];
#ifndef NO_TAIL_FORGET
    if
    :: tail[last_queue[port]] == port -> tail[last_queue[port]] = 0
    :: else
    fi;
#endif
    last_queue[port] = q;
    was_linked = false;
    if
    :: tail[q] != 0 ->
#ifdef NO_TAIL_CHECK
        link[tail[q]] = port;
        was_linked = true
#else
        atomic { was_linked = linked[tail[q]]; link[tail[q]] = port }
        if
        :: !was_linked -> link[tail[q]] = 0
        :: else
        fi
#endif
    :: else
    fi;
    tail[q] = port;
    if
    :: was_linked
    :: else ->
#ifdef READY_FIRST
        set_ready(q);
        head[q] = port
#else
        head[q] = port;
        set_ready(q)
#endif
    fi
}

/* Links the port unless it is linked already. */
inline make_linked(port)
{
    atomic { was_linked = linked[port]; linked[port] = true }
    if
    :: was_linked
    :: else -> enqueue(port)
    fi
}

/*
 * In one step, a compare-and-swap, if the word is idle; in two steps if it is
 * not, or if the compare-and-swap fails.
 */
inline send(port)
{
    lock();
    if
    :: atomic {
           !pending[port] && !masked[port] && !linked[port] ->
           pending[port] = true; linked[port] = true
       }
       enqueue(port)
    :: atomic { pending[port] = true; was_masked = masked[port] }
       if
       :: was_masked
       :: else -> make_linked(port)
       fi
    fi;
    unlock()
}

inline unmask_hypercall(port)
{
    lock();
    atomic { masked[port] = false; was_pending = pending[port] }
#ifndef NO_RELINK
    if
    :: was_pending -> make_linked(port)
    :: else
    fi;
#endif
    unlock()
}

byte busy = 4;                      /* processes that have not finished */

proctype sender(byte first, second)
{
    byte q;
    bool was_linked, was_masked, was_ready;

    send(first);
    send(second);
    busy--
}

proctype masker()
{
    byte q;
    bool was_linked, was_pending, was_ready;

    masked[1] = true;
    /* A hypercall is needed only if the port is pending. */
    atomic {
        was_pending = pending[1];
        if
        :: !was_pending -> masked[1] = false
        :: else
        fi
    }
    if
    :: was_pending -> unmask_hypercall(1)
    :: else
    fi;
    busy--
}

proctype mover()
{
    /* EVTCHNOP_set_priority */
    lock();
    if
    :: !linked[1] ->
#ifndef NO_TAIL_FORGET
        if
        :: tail[last_queue[1]] == 1 -> tail[last_queue[1]] = 0
        :: else
        fi;
        last_queue[1] = 1;
#endif
        skip
    :: else
    fi;
    queue_of[1] = 1;
    unlock();
    busy--
}

proctype consumer()
{
    byte port, q;
    byte first[NR_QUEUES];          /* the rest of a queue */
    bool mine[NR_QUEUES];           /* a private copy of READY */
    bool was_pending;

end:
    do
    :: atomic { upcall -> upcall = false }
        atomic { mine[0] = ready[0]; mine[1] = ready[1];
                 ready[0] = false; ready[1] = false }
        do
        :: !mine[0] && !mine[1] -> break
        :: else ->
            if
            :: mine[0] -> q = 0
            :: else -> q = 1
            fi;
            port = first[q];
            if
            :: port == 0 -> port = head[q]
            :: else
            fi;
            atomic { first[q] = link[port]; linked[port] = false;
                     link[port] = 0 }
            if
            :: first[q] == 0 -> mine[q] = false
            :: else
            fi;
            if
            :: masked[port]
            :: else -> pending[port] = false
            fi;
            atomic { mine[0] = mine[0] || ready[0];
                     mine[1] = mine[1] || ready[1];
                     ready[0] = false; ready[1] = false }
        od
    od
}

init {
    atomic {
        run consumer();
        run sender(1, 2);
        run sender(2, 1);
        run masker();
        run mover()
    }
    /* No other process can make a step. */
    timeout;
    assert(busy == 0 && !pending[1] && !pending[2])
}
