/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model of the FIFO event-channel ABI: is an event ever lost?
 *
 * The engine's side is hw/xen/emu/evtchn/abi-fifo.c, step by step: what is one
 * atomic operation there is one atomic step here, and nothing else is.  The
 * guest's side is the ABI's.  One vCPU with two queues, two ports:
 *
 *   two senders, each sends to both ports;
 *   a third party masks and unmasks port 1, through the hypercall where the
 *   ABI asks for it;
 *   port 1 changes its queue once;
 *   a consumer takes what it is told of.
 *
 * An event is lost if at the end, when nobody can do anything more, a port is
 * still pending.  The queue's lock is the vCPU's lock of the engine.
 *
 * To see what each rule is for, compile with one of
 *   READY_FIRST     READY is set before the head is stored
 *   NO_TAIL_CHECK   a port is linked to the tail without looking whether the
 *                   guest has emptied the queue
 *   NO_TAIL_FORGET  a tail is not forgotten when its port goes elsewhere
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

/* The engine's own. */
byte tail[NR_QUEUES];
byte queue_of[NR_PORTS];            /* where the port's next link goes */
byte last_queue[NR_PORTS];          /* where it is or was linked */
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

/* A port that has just become LINKED goes on its queue. */
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

/* Links the port if it is not yet. */
inline make_linked(port)
{
    atomic { was_linked = linked[port]; linked[port] = true }
    if
    :: was_linked
    :: else -> enqueue(port)
    fi
}

/*
 * In one step if the word is idle and stays so (a compare-and-swap, which may
 * fail), else in two.
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

byte busy = 4;                      /* those who are not done yet */

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
    /* Without a hypercall only while it is not pending. */
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
    byte first[NR_QUEUES];          /* of what is left of a queue */
    bool mine[NR_QUEUES];           /* its own copy of READY */
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
    /* Nobody else can do a step. */
    timeout;
    assert(busy == 0 && !pending[1] && !pending[2])
}
