// Made by tools/generate-client.ts from the OpenAPI document of the indexer; not to be edited.
export interface paths {
    "/network": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What the network is and where it stands */
        get: operations["getNetwork"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/blocks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Blocks, newest first, also those not confirmed yet */
        get: operations["listBlocks"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Registered machines, each with its latest verdict and score */
        get: operations["listMachines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One machine: who it is, its latest verdict and score */
        get: operations["getMachine"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{account}/verdicts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Verdicts of a machine, newest first */
        get: operations["listMachineVerdicts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{account}/scores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Scores of a machine, newest epoch first */
        get: operations["listMachineScores"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{account}/document": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The DID document that a machine anchored, as it stands on chain */
        get: operations["getMachineDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rounds/{number}/machines/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One verdict with all observations that it rests on */
        get: operations["getVerdict"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Registered checkers by account, each with its latest judged round and score */
        get: operations["listCheckers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkers/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One checker: who it is, its latest round and score, and how its last 100 rounds went */
        get: operations["getChecker"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkers/{account}/rounds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Judged rounds of a checker, newest first */
        get: operations["listCheckerRounds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkers/{account}/observations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Observations of a checker, newest round first */
        get: operations["listCheckerObservations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkers/{account}/scores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Scores of a checker, newest epoch first */
        get: operations["listCheckerScores"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkers/{account}/document": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The DID document that a checker anchored, as it stands on chain */
        get: operations["getCheckerDocument"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rounds": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Rounds, newest first, running ones too */
        get: operations["listRounds"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rounds/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One round: its stage and schedule, what came of it, and what it still lacks */
        get: operations["getRound"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rounds/{number}/machines": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Machines that are eligible in a round, with their committees, by account */
        get: operations["listRoundMachines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rounds/{number}/checkers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Checkers that are eligible in a round: who has reported, whose package is held, and what became of it */
        get: operations["listRoundCheckers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rounds/{number}/verdicts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Verdicts of a round by machine; none before it is judged */
        get: operations["listRoundVerdicts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/rounds/{number}/observations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Observations of a round that count, by machine and checker; none before it is judged */
        get: operations["listRoundObservations"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Epochs, newest first, running ones too */
        get: operations["listEpochs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs/{number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One epoch: its rounds, its work, and what it paid */
        get: operations["getEpoch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs/{number}/scores": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Scores of an epoch in the order of the statement’s leaves; none before it is scored */
        get: operations["listScores"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs/{number}/payouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Payouts of an epoch in the order of the statement’s leaves; none before it is scored */
        get: operations["listPayouts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/accounts/{account}/payouts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What epochs paid an owner, newest first */
        get: operations["listAccountPayouts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs/{number}/statement": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The statement of an epoch: its bytes, its roots, and what stands on chain */
        get: operations["getStatement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs/{number}/leaves/{tree}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Encoded leaves under one of a statement’s roots, in the order of the tree */
        get: operations["listLeaves"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs/{number}/proofs/{account}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Merkle proofs of what an epoch says of an account: its scores, and its payout */
        get: operations["getProofs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/evidence/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The bytes with this SHA-256 */
        get: operations["getEvidence"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/epochs/{number}/recording": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All that the replay of an epoch needs: its blocks and its evidence
         * @description A file for `assay replay --recording`. It holds all epochs before, too, and is made when it is asked for.
         */
        get: operations["getRecording"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/machines/{account}/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why the score of a machine is what it is, line by line */
        get: operations["whyMachine"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/checkers/{account}/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why the score of a checker is what it is, line by line */
        get: operations["whyChecker"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/feed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Verified machines, made for renters’ programs
         * @description Keyless and cacheable. All registered machines that passed at least one round of the last scored epoch and are not benched, by account, so that a page neither repeats nor hides one; where `epoch` is another than that of the page before, begin anew. Hardware as they say and sign it, rates as they were measured, standing, availability, whether they were reached last, the last proof, and a price once there is one.
         */
        get: operations["listVerifiedMachines"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What happens, as server-sent events
         * @description Server-sent events; each has an `id`, a type, and JSON. `ready` comes first. Then `block` (number, hash, parentHash: a block is confirmed), `round` (round, epoch, judgedAt, outcomes, work: a round is judged), `verdict` (as /machines/{account}/verdicts has it), `epoch` (epoch, totals: an epoch is scored, and once more when its statement is on chain), `payout` (as /epochs/{number}/payouts has it). What an event tells of is in all other answers of this server already. After a loss of the connection ask again with the last id, as EventSource does by itself: nothing is left out or told twice; where that is not possible, `reset` comes instead of `ready`, and what was read before must be read again. A quiet stream has a comment now and then. A client that does not read is cut off.
         */
        get: operations["streamEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the process lives */
        get: operations["getHealth"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Whether the answers are those of now, and how far they are behind */
        get: operations["getReady"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Figures for Prometheus */
        get: operations["getMetrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description why something is as it is: every zero has one */
        Reason: {
            /** @enum {string} */
            code: "OK" | "TOO_FEW" | "NO_MAJORITY" | "NO_EVIDENCE" | "TWO_COMMITMENTS" | "BAD_COMMITMENT" | "NO_OPENINGS" | "BAD_LENGTH" | "BAD_PATH" | "OUT_OF_RANGE" | "WRONG_PRODUCT" | "UNREACHABLE" | "FORFEITED" | "BAD_FACTS" | "SAME_DEVICE" | "MODEL_DIFFERS" | "WRONG_LABEL" | "WRONG_SCAN" | "MEMORY_BELOW_CLAIM" | "NOT_CONNECTED" | "NO_COMMITMENT" | "TIMED_OUT" | "BUSY" | "ENGINE_FAILED" | "CHAIN_BEHIND" | "PAUSED" | "UNSUPPORTED" | "NO_NONCE" | "BENCHED" | "CANARY" | "NOTHING_PROVEN" | "NOT_FOLDED" | "WRONG_KEY" | "OUT_OF_BAND" | "VOTED_OTHERWISE" | "NOT_PAYABLE" | "WEIGHTLESS" | "NO_REPORT" | "BAD_REPORT" | "NO_PACKAGE" | "NOT_HELD" | "BAD_PACKAGE" | "WRONG_ROOT" | "NO_DOCUMENT" | "MALFORMED_IDENTITY" | "WRONG_NETWORK" | "WRONG_ACCOUNT" | "WRONG_KIND" | "BAD_PEER_KEY" | "BAD_ACCOUNT_SIGNATURE" | "BAD_OWNER_SIGNATURE" | "BAD_PEER_SIGNATURE" | "NOTHING_PAYABLE" | "NOTHING_EARNED" | "BELOW_MINIMUM";
            /** @description one plain sentence for people */
            text: string;
        };
        /** @description whether the statement that the network wrote on chain is the one that this server computed */
        OnChain: {
            /** @enum {string} */
            state: "not_yet" | "match" | "mismatch";
            block: number | null;
        };
        Error: {
            error: {
                /** @enum {string} */
                code: "BAD_REQUEST" | "BAD_ACCOUNT" | "BAD_CURSOR" | "BAD_SEARCH" | "BAD_EVENT_ID" | "BAD_QUERY" | "QUERY_TOO_LARGE" | "QUERY_TOO_DEEP" | "QUERY_TOO_COSTLY" | "NOT_FOUND" | "NO_MACHINE" | "NO_CHECKER" | "NO_DOCUMENT" | "NO_ROUND" | "NO_VERDICT" | "NO_EPOCH" | "NOT_SCORED" | "EVIDENCE_MISSING" | "NO_EVIDENCE" | "NOT_IN_STATEMENT" | "ROUND_FORGOTTEN" | "RECORDING_TOO_LONG" | "OBSERVATIONS_PRUNED" | "METHOD_NOT_ALLOWED" | "FORBIDDEN_ORIGIN" | "RATE_LIMITED" | "INTERNAL" | "DATABASE" | "TOO_MANY_CLIENTS" | "SLOW_CLIENT" | "BUSY" | "TIMED_OUT";
                /** @description for people; may change */
                message: string;
            };
        };
        Block: {
            /** @description block number */
            number: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            hash: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            parentHash: string;
            /** @description false: the chain may still leave it for another; no verdict, score or payout rests on it */
            confirmed: boolean;
            /** @description effects that the protocol reads */
            events: number;
        };
        /** @description a DID document of peaq, as somebody wrote it */
        DidDocument: {
            /** @description written by a stranger: show it as text; empty: it lacks this */
            id: string;
            /** @description written by a stranger: show it as text; empty: it lacks this */
            controller: string;
            verificationMethods: {
                /** @description written by a stranger: show it as text; empty: it lacks this */
                id: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                type: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                controller: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                publicKeyMultibase: string;
            }[];
            signature: {
                /** @description written by a stranger: show it as text; empty: it lacks this */
                type: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                issuer: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                hash: string;
            } | null;
            services: {
                /** @description written by a stranger: show it as text; empty: it lacks this */
                id: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                type: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                serviceEndpoint: string;
                /** @description written by a stranger: show it as text; empty: it lacks this */
                data: string;
            }[];
            authentications: string[];
        };
        Document: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description blake2b-256 of the bytes: what the account anchored
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            hash: string;
            /** @description block number */
            block: number;
            /** @description what the bytes say; null: they cannot be read as a DID document */
            document: components["schemas"]["DidDocument"] | null;
            /** @description the document as protobuf, as it stands on chain: written by a stranger, so parse it with care and show it as text */
            bytes: string;
        };
        /** @description an extrinsic of the chain */
        Extrinsic: {
            /**
             * @description block and place in it, the name that Subscan and Polkadot.js know it by
             * @example 4630-2
             */
            id: string;
            /** @description block number */
            block: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            blockHash: string;
            /** @description its place in the block */
            index: number;
        };
        /** @description what a machine says of itself, and signed */
        Facts: {
            device: {
                /** @description device class, PROTOCOL section on devices */
                class: number;
                /** @enum {string} */
                kind: "CPU" | "GPU";
                /** @description threads of a CPU, or GPUs */
                units: number;
                /** @description memory of one GPU, or what the process may use, MiB */
                memoryMiB: number;
                /** @description sources that agree on what the device is, PROTOCOL section 13.6 */
                agreeing: number;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                fingerprint: string;
                identifiers: string[];
                /** @description as the machine measured itself */
                profile: {
                    /** @description int8 multiply-accumulates, millions a second */
                    int8Mmacs: number | null;
                    /** @description float32 operations, millions a second */
                    f32Mflops: number | null;
                    /** @description memory read, MB/s */
                    memoryMBps: number | null;
                    /** @description time of one dependent read of memory, ps */
                    chasePs: number | null;
                };
            };
            /** @description what it runs, by hash */
            environment: {
                /** @description which part */
                what: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                hash: string;
            }[];
            /** @description what the model that it ran gave; null: it ran none */
            model: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                model: string;
                /** @description in millionths */
                outputs: number[];
            } | null;
        };
        /** @description what a round says of a machine */
        Verdict: {
            /** @description round, counted from 0 */
            round: number;
            /** @description epoch, counted from 0 */
            epoch: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            machine: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            owner: string;
            /** @enum {string} */
            outcome: "PASS" | "FAIL" | "NOT_OPENED" | "EQUIVOCATION" | "NOT_RUN" | "UNREACHABLE" | "NO_QUORUM";
            reason: components["schemas"]["Reason"];
            /**
             * @description multiply-accumulates
             * @example 1073741824000
             */
            work: string;
            commitment: string | null;
            /** @description checkers that were drawn for it */
            committeeSize: number;
            /** @description members of the committee with an observation that counts */
            counted: number;
            /** @description steps that the committee saw, the median */
            medianSteps: number;
            /** @description steps that were proven: what `work` is made of */
            provenSteps: number;
            /** @description whether openings were asked for and verify */
            opened: boolean;
            /** @description memory that it proved to hold, KiB; 0 unless the round was of memory and it passed */
            memoryKiB: number;
            /** @description memory read, 10^6 bytes a second, by proven steps; null: not measured */
            scanMBps: number | null;
            /** @description time to the first progress that neither the round trip nor a step explains, µs: a sign of a relay, never a verdict; null: nobody can say */
            relayUs: number | null;
            flags: components["schemas"]["Reason"][];
            /** @description whether the device that it claims fits its class, its measurements and what it proved: OK or what does not fit; null: it claimed none */
            claim: string | null;
            standing: ("PROBATION" | "STANDARD" | "TRUSTED" | "BENCHED") | null;
            /** @description kbit/s to the machine */
            downKbps: number | null;
            /** @description kbit/s from the machine */
            upKbps: number | null;
            /** @description round trip, µs */
            rttUs: number | null;
            /** @description where the verdict is in full: the packages by which it can be judged again, and every observation */
            proof: string;
        };
        /** @description a verdict with what it rests on */
        FullVerdict: {
            /** @description round, counted from 0 */
            round: number;
            /** @description epoch, counted from 0 */
            epoch: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            machine: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            owner: string;
            /** @enum {string} */
            outcome: "PASS" | "FAIL" | "NOT_OPENED" | "EQUIVOCATION" | "NOT_RUN" | "UNREACHABLE" | "NO_QUORUM";
            reason: components["schemas"]["Reason"];
            /**
             * @description multiply-accumulates
             * @example 1073741824000
             */
            work: string;
            commitment: string | null;
            /** @description checkers that were drawn for it */
            committeeSize: number;
            /** @description members of the committee with an observation that counts */
            counted: number;
            /** @description steps that the committee saw, the median */
            medianSteps: number;
            /** @description steps that were proven: what `work` is made of */
            provenSteps: number;
            /** @description whether openings were asked for and verify */
            opened: boolean;
            /** @description memory that it proved to hold, KiB; 0 unless the round was of memory and it passed */
            memoryKiB: number;
            /** @description memory read, 10^6 bytes a second, by proven steps; null: not measured */
            scanMBps: number | null;
            /** @description time to the first progress that neither the round trip nor a step explains, µs: a sign of a relay, never a verdict; null: nobody can say */
            relayUs: number | null;
            flags: components["schemas"]["Reason"][];
            /** @description whether the device that it claims fits its class, its measurements and what it proved: OK or what does not fit; null: it claimed none */
            claim: string | null;
            standing: ("PROBATION" | "STANDARD" | "TRUSTED" | "BENCHED") | null;
            /** @description kbit/s to the machine */
            downKbps: number | null;
            /** @description kbit/s from the machine */
            upKbps: number | null;
            /** @description round trip, µs */
            rttUs: number | null;
            /** @description where the verdict is in full: the packages by which it can be judged again, and every observation */
            proof: string;
            committee: string[];
            facts: components["schemas"]["Facts"] | null;
            /** @description packages of the committee that count: with them (fetched by hash) the verdict can be judged again; each is a leaf of the evidence root of the epoch’s statement */
            evidence: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                checker: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                commitment: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                package: string;
            }[];
        };
        /** @description what a checker says of a machine in a round, as far as it counts */
        Observation: {
            /** @description round, counted from 0 */
            round: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            machine: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            checker: string;
            /** @enum {string} */
            vote: "RAN" | "NOT_RUN" | "UNREACHABLE";
            /** @description steps that it saw and the machine proved; 0 unless its reading is right */
            credited: number;
            /** @description whether it counts for the checker’s pay; `reason` says why not */
            paid: boolean;
            reason: components["schemas"]["Reason"];
            offPpm: number | null;
            /** @description kbit/s to the machine */
            downKbps: number | null;
            /** @description kbit/s from the machine */
            upKbps: number | null;
            /** @description round trip, µs */
            rttUs: number | null;
        };
        /** @description what an epoch gives a machine or a checker */
        Score: {
            /** @description epoch, counted from 0 */
            epoch: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            owner: string;
            /** @enum {string} */
            kind: "machine" | "checker";
            /** @description machine: multiply-accumulates by availability and standing; checker: paid observations by weight, in millionths */
            score: string;
            reason: components["schemas"]["Reason"];
            /**
             * @description planck
             * @example 1500000000000000000
             */
            earned: string;
            /** @description of a machine, after the epoch; null of a checker */
            standing: {
                /** @enum {string} */
                level: "PROBATION" | "STANDARD" | "TRUSTED" | "BENCHED";
                benchedUntil: number | null;
                /** @description rounds of the epoch that it passed */
                passed: number;
                /** @description rounds of the epoch in which enough checkers observed it */
                asked: number;
            } | null;
            /** @description of a checker; null of a machine */
            quality: {
                /** @description what its word weighed in this epoch, in millionths */
                weightPpm: number;
                /** @description what canaries measured up to and with this epoch, in millionths */
                qualityPpm: number;
                /** @description 95 % interval, in millionths */
                falseAccepts: {
                    /** @description lower end, in millionths */
                    lowPpm: number;
                    /** @description upper end, in millionths */
                    highPpm: number;
                };
                /** @description 95 % interval, in millionths */
                falseRejects: {
                    /** @description lower end, in millionths */
                    lowPpm: number;
                    /** @description upper end, in millionths */
                    highPpm: number;
                };
            } | null;
            /** @description root of the epoch’s statement, and where the Merkle path of this line to it is found */
            proof: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                statement: string;
                /** @description place of the leaf */
                index: number;
                /** @description path on this server */
                path: string;
            };
        };
        /** @description what an epoch pays an owner: paid + carriedOut = earned + carriedIn */
        Payout: {
            /** @description epoch, counted from 0 */
            epoch: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            earned: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            carriedIn: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            paid: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            carriedOut: string;
            reason: components["schemas"]["Reason"];
            /** @description root of the epoch’s statement, and where the Merkle path of this line to it is found */
            proof: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                statement: string;
                /** @description place of the leaf */
                index: number;
                /** @description path on this server */
                path: string;
            };
            /** @description which paid it, with the statement or behind it; null: not on chain, or not noted when the block was stored */
            extrinsic: components["schemas"]["Extrinsic"] | null;
        };
        EpochTotals: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            root: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            pool: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            paid: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            carried: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            remainder: string;
            /** @description block number */
            scoredAt: number;
            onChain: components["schemas"]["OnChain"];
            /** @description false: let go by the retention policy */
            kept: {
                /** @description whether its evidence is here */
                evidence: boolean;
                /** @description whether its single observations are here */
                observations: boolean;
            };
        };
        CheckerRound: {
            /** @description round, counted from 0 */
            round: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            checker: string;
            /** @description whether it reported on chain */
            reported: boolean;
            /** @description whether its package counts: reported, posted, and held by enough mirrors */
            packageCounted: boolean;
            commitment: string | null;
            package: string | null;
            /** @description observations in its package */
            observed: number;
            /** @description those that named what the majority of the committee named */
            agreed: number;
            /** @description observations that are paid */
            paidObservations: number;
            reason: components["schemas"]["Reason"];
        };
        /** @description a checker with its latest judged round and score */
        CheckerEntry: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description SS58 text of the account, prefix 42
             * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            address: string;
            /**
             * @description the account as a DID of peaq
             * @example did:peaq:5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            did: string;
            identity: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                owner: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                peer: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                anchor: string;
                /** @description block number */
                block: number;
                addresses: string[];
                evidence: string[];
            };
            round: components["schemas"]["CheckerRound"] | null;
            score: components["schemas"]["Score"] | null;
            /** @description null: no round of it is judged */
            record: {
                /** @description judged rounds */
                rounds: number;
                /** @description rounds without a report or a package that counts */
                missed: number;
                /** @description observations */
                observed: number;
                /** @description those that named what the majority named */
                agreed: number;
                /** @description those that are paid */
                paid: number;
            } | null;
        };
        Checker: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description SS58 text of the account, prefix 42
             * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            address: string;
            /**
             * @description the account as a DID of peaq
             * @example did:peaq:5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            did: string;
            /** @description null: its newest identity does not count, or it has no role any more */
            identity: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                owner: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                peer: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                anchor: string;
                /** @description block number */
                block: number;
                addresses: string[];
                evidence: string[];
                /** @description of the registration; null: not on chain, or not noted when the block was stored */
                extrinsic: components["schemas"]["Extrinsic"] | null;
            } | null;
            /** @description what became of its newest anchor; null: it wrote none that is known */
            registration: components["schemas"]["Reason"] | null;
            round: components["schemas"]["CheckerRound"] | null;
            score: components["schemas"]["Score"] | null;
            /** @description null: no round of it is judged */
            record: {
                /** @description judged rounds */
                rounds: number;
                /** @description rounds without a report or a package that counts */
                missed: number;
                /** @description observations */
                observed: number;
                /** @description those that named what the majority named */
                agreed: number;
                /** @description those that are paid */
                paid: number;
            } | null;
        };
        RoundSummary: {
            /** @description round, counted from 0 */
            round: number;
            /** @description epoch, counted from 0 */
            epoch: number;
            /** @enum {string} */
            stage: "FROZEN" | "BEACON" | "COMMITTEE" | "WORK" | "COMMIT" | "OPEN" | "EVIDENCE" | "PUBLISH" | "MIRROR" | "JUDGEMENT" | "WAITING" | "FAILED" | "JUDGED";
            /** @description block number */
            startBlock: number;
            /** @description block number */
            judgementBlock: number;
            /** @description machines that are eligible */
            machines: number;
            /** @description checkers that are eligible */
            checkers: number;
            /** @description checkers that reported */
            reports: number;
            packages: {
                /** @description packages whose root is on chain */
                posted: number;
                /** @description those that enough mirrors hold */
                held: number;
            };
            /** @description machines by outcome; null before it is judged */
            outcomes: {
                [key: string]: number;
            } | null;
            work: string | null;
            /** @description pieces of evidence that nobody served yet */
            missingBlobs: number;
        };
        Round: {
            /** @description round, counted from 0 */
            round: number;
            /** @description epoch, counted from 0 */
            epoch: number;
            /** @enum {string} */
            stage: "FROZEN" | "BEACON" | "COMMITTEE" | "WORK" | "COMMIT" | "OPEN" | "EVIDENCE" | "PUBLISH" | "MIRROR" | "JUDGEMENT" | "WAITING" | "FAILED" | "JUDGED";
            /** @description block number */
            startBlock: number;
            /** @description block number */
            judgementBlock: number;
            /** @description machines that are eligible */
            machines: number;
            /** @description checkers that are eligible */
            checkers: number;
            /** @description checkers that reported */
            reports: number;
            packages: {
                /** @description packages whose root is on chain */
                posted: number;
                /** @description those that enough mirrors hold */
                held: number;
            };
            /** @description machines by outcome; null before it is judged */
            outcomes: {
                [key: string]: number;
            } | null;
            work: string | null;
            /** @description pieces of evidence that nobody served yet */
            missingBlobs: number;
            schedule: {
                /** @description block at which the registry is frozen; below 0 where that is before the first */
                freeze: number;
                /** @description block number */
                start: number;
                /** @description block number */
                beaconKnown: number;
                /** @description block number */
                seed: number;
                /** @description block number */
                fire: number;
                /** @description block number */
                commitmentBy: number;
                /** @description block number */
                commitFrom: number;
                /** @description block number */
                commitTo: number;
                /** @description block number */
                open: number;
                /** @description block number */
                openKnown: number;
                /** @description block number */
                packageBy: number;
                /** @description block number */
                judgement: number;
            };
            beacon: string | null;
            openRandomness: string | null;
            /** @description false: the observations were let go by the retention policy */
            observationsKept: boolean;
            /** @description evidence that nobody served yet */
            missing: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                id: string;
                /** @description block number */
                since: number;
            }[];
            /** @description how often it was tried to judge it */
            tries: number;
        };
        EligibleMachine: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            owner: string;
            committee: string[];
            /** @description whether it must open its commitment; null: not drawn yet */
            mustOpen: boolean | null;
        };
        EligibleChecker: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            mirrors: string[];
            /** @description null: it has not reported */
            report: {
                /** @description block number */
                block: number;
                /** @description which brought the report, and with it the commitment; null: not on chain, or not noted when the block was stored */
                extrinsic: components["schemas"]["Extrinsic"] | null;
                /** @description whether it could be read */
                wellFormed: boolean;
                commitment: string | null;
            } | null;
            packageRoot: string | null;
            /** @description which named the package: the report of the round after, of a checker that is eligible there too; null: not on chain, or not noted when the block was stored */
            packageExtrinsic: components["schemas"]["Extrinsic"] | null;
            /** @description whether enough mirrors hold its package */
            packageHeld: boolean;
            judged: components["schemas"]["CheckerRound"] | null;
        };
        Epoch: {
            /** @description epoch, counted from 0 */
            epoch: number;
            /**
             * @description waiting: its rounds are over and not all are judged, or an epoch before it is not scored
             * @enum {string}
             */
            state: "running" | "waiting" | "scored";
            /** @description all of them, ascending */
            rounds: {
                /** @description round, counted from 0 */
                round: number;
                /** @description whether it is judged */
                judged: boolean;
            }[];
            /** @description block number */
            judgementBlock: number;
            /** @description proven in its judged rounds, multiply-accumulates; null before one is judged */
            work: string | null;
            totals: components["schemas"]["EpochTotals"] | null;
            /** @description which wrote the statement on chain, ours or another; null: not on chain, or not noted when the block was stored */
            extrinsic: components["schemas"]["Extrinsic"] | null;
        };
        Statement: {
            /** @description epoch, counted from 0 */
            epoch: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            root: string;
            /** @description what stands on chain, in chunks of 128 bytes */
            bytes: string;
            roots: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                scores: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                payouts: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                registry: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                evidence: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                standings: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                calibrations: string;
            };
            /**
             * @description planck
             * @example 1500000000000000000
             */
            paid: string;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            carried: string;
            /** @description how many leaves each tree has; /epochs/{number}/leaves/{tree} lists them */
            leaves: {
                /** @description scores */
                scores: number;
                /** @description payouts */
                payouts: number;
                /** @description eligible machines and checkers */
                registry: number;
                /** @description packages that count */
                evidence: number;
                /** @description standings of machines */
                standings: number;
                /** @description calibrations of checkers */
                calibrations: number;
            };
            onChain: {
                /** @enum {string} */
                state: "not_yet" | "match" | "mismatch";
                block: number | null;
                /** @description what the network wrote; null: nothing yet */
                bytes: string | null;
            };
        };
        MerkleProof: {
            /** @description the encoded leaf, as it is hashed behind a 0x00 */
            leaf: string;
            /** @description place of the leaf */
            index: number;
            /** @description leaves of the tree */
            size: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            root: string;
            /** @description RFC 6962 audit path, from the leaf up */
            path: string[];
        };
        Proofs: {
            /** @description epoch, counted from 0 */
            epoch: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            statement: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                root: string;
                /** @description the statement: its roots and its sums */
                bytes: string;
            };
            /** @description as a machine, as a checker, as both, or none */
            scores: {
                score: components["schemas"]["Score"];
                proof: components["schemas"]["MerkleProof"];
            }[];
            /** @description null: nothing is paid or carried to it */
            payout: {
                payout: components["schemas"]["Payout"];
                proof: components["schemas"]["MerkleProof"];
            } | null;
            onChain: components["schemas"]["OnChain"];
        };
        /** @description the device class that a machine said last, PROTOCOL section on devices */
        DeviceClass: {
            /** @description its id; 0: of no known class */
            class: number;
            name: string | null;
        };
        /** @description a machine with its latest verdict and score */
        MachineEntry: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description SS58 text of the account, prefix 42
             * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            address: string;
            /**
             * @description the account as a DID of peaq
             * @example did:peaq:5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            did: string;
            /** @description null: its newest identity does not count */
            identity: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                owner: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                peer: string;
                /**
                 * @description hash of the DID document that the machine anchored
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                anchor: string;
                /** @description block number */
                block: number;
            } | null;
            outcome: ("PASS" | "FAIL" | "NOT_OPENED" | "EQUIVOCATION" | "NOT_RUN" | "UNREACHABLE" | "NO_QUORUM") | null;
            standing: ("PROBATION" | "STANDARD" | "TRUSTED" | "BENCHED") | null;
            device: components["schemas"]["DeviceClass"] | null;
            verdict: components["schemas"]["Verdict"] | null;
            score: components["schemas"]["Score"] | null;
        };
        Machine: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description SS58 text of the account, prefix 42
             * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            address: string;
            /**
             * @description the account as a DID of peaq
             * @example did:peaq:5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            did: string;
            /** @description null: its newest identity does not count */
            identity: {
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                owner: string;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                peer: string;
                /**
                 * @description hash of the DID document that the machine anchored
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                anchor: string;
                /** @description block number */
                block: number;
                /** @description of the registration; null: not on chain, or not noted when the block was stored */
                extrinsic: components["schemas"]["Extrinsic"] | null;
            } | null;
            /** @description what became of its newest anchor; null: it wrote none that is known */
            registration: components["schemas"]["Reason"] | null;
            standing: ("PROBATION" | "STANDARD" | "TRUSTED" | "BENCHED") | null;
            device: components["schemas"]["DeviceClass"] | null;
            verdict: components["schemas"]["FullVerdict"] | null;
            score: components["schemas"]["Score"] | null;
        };
        VerdictInFull: {
            verdict: components["schemas"]["FullVerdict"];
            observations: components["schemas"]["Observation"][] | null;
        };
        /** @description a registered machine that passed at least one round of the last scored epoch and is not benched */
        VerifiedMachine: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /**
             * @description SS58 text of the account, prefix 42
             * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            address: string;
            /**
             * @description the account as a DID of peaq
             * @example did:peaq:5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
             */
            did: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            owner: string;
            /** @description as in its latest verdict; null where the network does not ask */
            hardware: components["schemas"]["Hardware"] | null;
            rates: {
                /** @description kbit/s to the machine, median over the rounds of `epoch` in which it passed; null: not measured */
                downKbps: number | null;
                /** @description kbit/s from the machine, median over the rounds of `epoch` in which it passed; null: not measured */
                upKbps: number | null;
                /** @description µs, median over the rounds of `epoch` in which it passed; null: not measured */
                rttUs: number | null;
                /** @description steps of n³ proven in a round, median over the rounds of `epoch` in which it passed; null: not measured */
                provenSteps: number | null;
                /** @description MB/s of memory scanned, median over the rounds of `epoch` in which it passed; null: not measured */
                scanMBps: number | null;
            };
            /** @description what it counts as since `epoch` */
            standing: ("PROBATION" | "STANDARD" | "TRUSTED" | "BENCHED") | null;
            /** @description its latest verdict, which may be of a later round than `epoch` has: a machine that went away since is still listed until the next epoch is scored */
            reachability: {
                /** @description whether its committee reached it; null: too few observed it */
                reachable: boolean | null;
                /** @enum {string} */
                outcome: "PASS" | "FAIL" | "NOT_OPENED" | "EQUIVOCATION" | "NOT_RUN" | "UNREACHABLE" | "NO_QUORUM";
                reason: components["schemas"]["Reason"];
                /** @description round, counted from 0 */
                round: number;
                block: number | null;
            };
            /** @description rounds of `epoch` */
            availability: {
                /** @description rounds that it passed */
                passed: number;
                /** @description rounds in which enough checkers observed it */
                asked: number;
                /** @description passed of asked, in millionths, rounded down */
                ppm: number;
            };
            /** @description the scored epoch that this is of */
            epoch: number;
            /** @description the latest verdict, what the machine committed to, and where to check both */
            lastProof: {
                /** @description round, counted from 0 */
                round: number;
                block: number | null;
                commitment: string | null;
                /** @description path on this server */
                verdict: string;
                /** @description path on this server */
                score: string;
            };
            /** @description block at which anything of this was written last: its latest verdict, or the scores of `epoch` */
            updatedAt: number;
            /** @description null: machines name no price yet, so none is known; never 0 */
            price: null;
        };
        Hardware: {
            /** @description device class, PROTOCOL section on devices */
            class: number;
            /** @enum {string} */
            kind: "CPU" | "GPU";
            /** @description threads of a CPU, or GPUs */
            units: number;
            /** @description memory of one GPU, or what the process may use, MiB */
            memoryMiB: number;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            fingerprint: string;
            /** @description as the machine measured itself */
            profile: {
                /** @description int8 multiply-accumulates, millions a second */
                int8Mmacs: number | null;
                /** @description float32 operations, millions a second */
                f32Mflops: number | null;
                /** @description memory read, MB/s */
                memoryMBps: number | null;
                /** @description time of one dependent read of memory, ps */
                chasePs: number | null;
            };
        };
        Feed: {
            epoch: number | null;
            head: number | null;
            items: components["schemas"]["VerifiedMachine"][];
            next: string | null;
        };
        Parameters: {
            /** @description version of the protocol that they are of */
            version: number;
            /** @description where a round’s randomness comes from, PROTOCOL section on the beacon */
            randomness: number;
            /** @description block number */
            origin: number;
            /** @description block number */
            start: number;
            /** @description blocks of a round */
            roundBlocks: number;
            /** @description blocks behind the best one at which a block counts as final */
            confirmations: number;
            /** @description rounds of an epoch */
            epochRounds: number;
            /** @description blocks from a round’s start to its seed */
            seedOffset: number;
            /** @description blocks from a round’s start to the commit window */
            commitOffset: number;
            /** @description blocks from a round’s start by which packages are posted */
            packageOffset: number;
            /** @description blocks that an identity or a role waits before it is eligible */
            waitBlocks: number;
            /** @description checkers that a machine has in a round */
            committee: number;
            /** @description mirrors that a package has */
            mirrors: number;
            /** @description stopwatch of a job, ms */
            windowMs: number;
            /** @description matrices are 2^log2n wide at least */
            log2n: number;
            /** @description cells that a machine opens */
            samples: number;
            /** @description a machine must open if its draw, of 65536, is at most this */
            openShare: number;
            /** @description most steps of a chain */
            maxSteps: number;
            /** @description bytes of a bandwidth measurement, each way */
            bandwidthBytes: number;
            /** @description how far a paid reading may lie from the median, in millionths */
            bandPpm: number;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            poolPerEpoch: string;
            /** @description the machines’ part of the pool, in millionths */
            machineSharePpm: number;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            minimumPayout: string;
            /** @description blocks after which the next member may open the settlement */
            attemptBlocks: number;
            /** @description matrices are 2^log2nMax wide at most */
            log2nMax: number;
            /** @description a round’s job is of memory if the beacon’s draw, of 65536, is below this */
            memoryShare: number;
            /** @description a segment of memory has 2^memoryLog2 leaves of 1 KiB */
            memoryLog2: number;
            /** @description a label of it costs 8 * 2^memoryPasses rounds of ChaCha */
            memoryPasses: number;
            /** @description fewest segments that a machine may show */
            memorySegments: number;
            /** @description part of its claimed memory that a machine must show, in millionths */
            memoryPpm: number;
            /** @description multiply-accumulates that a scanned byte is paid as */
            memoryWeight: number;
            /** @enum {string} */
            deviceCheck: "off" | "shadow" | "enforce";
            /** @enum {string} */
            modelCheck: "off" | "shadow" | "enforce";
            /** @description how far an output of the model may lie from the fleet’s median, in millionths */
            modelTolerance: number;
            /** @enum {string} */
            standingCheck: "off" | "shadow" | "enforce";
            /** @description blocks of an hour, the unit of a bench */
            hourBlocks: number;
            /** @description rounds that a machine must pass to leave probation */
            probationRounds: number;
            /** @description rounds that it must pass to be trusted */
            trustedRounds: number;
            /** @enum {string} */
            calibrationCheck: "off" | "shadow" | "enforce";
            /** @description epochs that a settlement committee serves; 0: the founders for ever */
            termEpochs: number;
        };
        Pot: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            account: string;
            /** @description the account to fund */
            address: string;
            /** @description term of the settlers who move it */
            term: number;
            /** @description block number */
            block: number;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            balance: string;
            /** @description first epoch whose statement is not on chain */
            unsettledFrom: number;
            /**
             * @description planck
             * @example 1500000000000000000
             */
            owed: string;
            /** @description planck that settle the epochs begun and the next one, if each takes its whole pool */
            needs: string;
            epochsLeft: number | null;
            inflow: string | null;
            since: number | null;
            checks: {
                feePerReport: string | null;
                costPerEpoch: string | null;
                /**
                 * @description planck
                 * @example 1500000000000000000
                 */
                checkersPool: string;
            };
        };
        Network: {
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            network: string;
            /** @description its account as SS58 text, prefix 42 */
            address: string;
            /**
             * @description 32 bytes
             * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
             */
            genesisHash: string;
            /** @description last confirmed block that is stored: what all answers are of */
            head: {
                /** @description block number */
                number: number;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                hash: string;
            } | null;
            best: number | null;
            /** @description why no blocks come; null: they do */
            stalled: {
                /** @description a code */
                reason: string;
                /** @description a sentence */
                detail: string;
            } | null;
            /** @description the one under way; null before the first */
            round: {
                /** @description round, counted from 0 */
                round: number;
                /** @description epoch, counted from 0 */
                epoch: number;
                /** @enum {string} */
                stage: "FROZEN" | "BEACON" | "COMMITTEE" | "WORK" | "COMMIT" | "OPEN" | "EVIDENCE" | "PUBLISH" | "MIRROR" | "JUDGEMENT" | "WAITING" | "FAILED" | "JUDGED";
                /** @description block number */
                startBlock: number;
                /** @description block number */
                endBlock: number;
            } | null;
            parameters: components["schemas"]["Parameters"] | null;
            /** @description registered */
            machines: number;
            /** @description registered machines by standing in the latest epoch that scored them */
            standings: {
                /** @description newly registered, or after a bench */
                PROBATION: number;
                /** @description passed enough rounds to leave probation */
                STANDARD: number;
                /** @description passed many */
                TRUSTED: number;
                /** @description out for some hours */
                BENCHED: number;
                /** @description in no scored epoch yet */
                unknown: number;
            };
            /** @description registered machines by the device class that they told last, the most first, at most 100 classes; those that told none are in none */
            devices: {
                /** @description its id; 0: of no known class */
                class: number;
                name: string | null;
                /** @description registered ones of this class */
                machines: number;
            }[];
            /** @description registered */
            checkers: number;
            /** @description how likely it is that checkers in league decide; null: there is no checker */
            capture: {
                /** @description of the checkers taken to be in league, rounded down */
                share: string;
                /** @description those eligible in this round */
                checkers: number;
                /** @description those taken to be in league */
                malicious: number;
                /** @description checkers that a machine has in a round */
                committee: number;
                /** @description probability that they are the majority of one machine’s committee in a round, rounded up */
                perRound: string;
                /** @description that they are it in at least one round of an epoch */
                perEpoch: string;
                /** @description that mirrors in league can vouch alone for a package of one of them, in a round */
                vouch: string;
                /** @description true if perEpoch is more than one in a million */
                flagged: boolean;
                /** @description least size of a committee that is not flagged; null: none is enough */
                sufficientCommittee: number | null;
                /** @description the same in sentences */
                text: string;
                settlers: {
                    /** @description drawn for a term */
                    settlers: number;
                    /** @description how many of them move the pot */
                    threshold: number;
                    /** @description probability that the checkers in league are so many of those drawn for a term, rounded up */
                    captured: string;
                    /** @description that without them there are not so many */
                    stalled: string;
                    /** @description true if one of the two is more than one in a million */
                    flagged: boolean;
                    /** @description the same in sentences */
                    text: string;
                } | null;
            } | null;
            rounds: {
                /** @description judged */
                judged: number;
                /** @description past their judgement block, and some evidence is not found yet */
                waiting: number;
                /** @description could not be judged: a fault of this program */
                failed: number;
                /** @description pieces of evidence that nobody served yet */
                missingBlobs: number;
            };
            pot: components["schemas"]["Pot"] | null;
            /** @description the last one that is scored */
            lastEpoch: {
                /** @description epoch, counted from 0 */
                epoch: number;
                /**
                 * @description 32 bytes
                 * @example 0xd43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d
                 */
                root: string;
                /**
                 * @description planck
                 * @example 1500000000000000000
                 */
                paid: string;
                onChain: components["schemas"]["OnChain"];
            } | null;
        };
        Why: {
            score: components["schemas"]["Score"];
            /** @description what its owner gets in the epoch, by all accounts together */
            payout: components["schemas"]["Payout"] | null;
            /** @description the words of `assay replay`; of a checker with more observations than are told one by one, a line says where they are */
            lines: string[];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getNetwork: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Network"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listBlocks: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Block"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listMachines: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
                /** @description score and earned: of the latest epoch; work: of the latest judged round; verdict: by the latest judged round; what there is none of is less than 0 */
                sort?: "account" | "score" | "earned" | "work" | "verdict";
                /** @description default: accounts ascending, everything else from the greatest down */
                order?: "asc" | "desc";
                /** @description only machines with this standing after the latest epoch that scored them */
                standing?: "PROBATION" | "STANDARD" | "TRUSTED" | "BENCHED";
                /** @description only machines whose latest verdict is this */
                outcome?: "PASS" | "FAIL" | "NOT_OPENED" | "EQUIVOCATION" | "NOT_RUN" | "UNREACHABLE" | "NO_QUORUM";
                /** @description id of the device class that the machine told last */
                device?: number;
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                owner?: string;
                /** @description a DID (did:peaq:…), an address or an account (0x…), or the beginning of one */
                search?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["MachineEntry"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             *
             *     `BAD_SEARCH`: What is searched for is no DID, no address or account, and no beginning of one.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getMachine: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Machine"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_MACHINE`: The account is no machine of this network and never was. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listMachineVerdicts: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Verdict"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_MACHINE`: The account is no machine of this network and never was. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listMachineScores: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Score"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_MACHINE`: The account is no machine of this network and never was. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getMachineDocument: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `NO_MACHINE`: The account is no machine of this network and never was.
             *
             *     `NO_DOCUMENT`: The account has no identity that counts, so there is no document of it.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getVerdict: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description number of the round, counted from 0 */
                number: number;
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["VerdictInFull"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_VERDICT`: The round has no verdict of this machine, or is not judged yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listCheckers: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["CheckerEntry"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getChecker: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Checker"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_CHECKER`: The account is no checker of this network and never was. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listCheckerRounds: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["CheckerRound"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_CHECKER`: The account is no checker of this network and never was. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listCheckerObservations: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Observation"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_CHECKER`: The account is no checker of this network and never was. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listCheckerScores: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Score"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_CHECKER`: The account is no checker of this network and never was. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getCheckerDocument: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Document"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `NO_CHECKER`: The account is no checker of this network and never was.
             *
             *     `NO_DOCUMENT`: The account has no identity that counts, so there is no document of it.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listRounds: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["RoundSummary"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getRound: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Round"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_ROUND`: The round has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listRoundMachines: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["EligibleMachine"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_ROUND`: The round has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listRoundCheckers: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["EligibleChecker"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_ROUND`: The round has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listRoundVerdicts: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Verdict"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_ROUND`: The round has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listRoundObservations: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Observation"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_ROUND`: The round has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `OBSERVATIONS_PRUNED`: The single observations were let go by the retention policy; verdicts, scores and their proofs are kept for ever. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listEpochs: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Epoch"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getEpoch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Epoch"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_EPOCH`: The epoch has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listScores: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
                /** @description only of these */
                kind?: "machine" | "checker";
            };
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Score"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_EPOCH`: The epoch has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listPayouts: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Payout"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NO_EPOCH`: The epoch has not begun. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listAccountPayouts: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Payout"][];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getStatement: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Statement"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NOT_SCORED`: The epoch is not scored yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listLeaves: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
                /** @description which of the statement’s trees */
                tree: "scores" | "payouts" | "registry" | "evidence" | "standings" | "calibrations";
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: string[];
                        next: string | null;
                    };
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `NOT_SCORED`: The epoch is not scored yet. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getProofs: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Proofs"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `NOT_SCORED`: The epoch is not scored yet.
             *
             *     `NOT_IN_STATEMENT`: The statement of the epoch says nothing of the account.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getEvidence: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description SHA-256 of the bytes */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the bytes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `EVIDENCE_MISSING`: Evidence with this hash is needed here and nobody has served it yet; it is asked for again.
             *
             *     `NO_EVIDENCE`: No evidence with this hash is held: it was never needed here, or was pruned.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getRecording: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description number of the round or epoch, counted from 0
                 * @example 0
                 */
                number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the file */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/octet-stream": string;
                };
            };
            /** @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `NOT_SCORED`: The epoch is not scored yet.
             *
             *     `NO_EVIDENCE`: No evidence with this hash is held: it was never needed here, or was pruned.
             *
             *     `EVIDENCE_MISSING`: Evidence with this hash is needed here and nobody has served it yet; it is asked for again.
             *
             *     `ROUND_FORGOTTEN`: A round that the recording needs is no longer kept here: make it from a chain.
             *
             *     `RECORDING_TOO_LONG`: The recording would be longer than one may be, for it holds all before its epoch: replay from a chain.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    whyMachine: {
        parameters: {
            query?: {
                /** @description default: the latest that scored the account */
                epoch?: number;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Why"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `NOT_SCORED`: The epoch is not scored yet.
             *
             *     `NOT_IN_STATEMENT`: The statement of the epoch says nothing of the account.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `OBSERVATIONS_PRUNED`: The single observations were let go by the retention policy; verdicts, scores and their proofs are kept for ever. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    whyChecker: {
        parameters: {
            query?: {
                /** @description default: the latest that scored the account */
                epoch?: number;
            };
            header?: never;
            path: {
                /**
                 * @description 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                account: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Why"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `NOT_SCORED`: The epoch is not scored yet.
             *
             *     `NOT_IN_STATEMENT`: The statement of the epoch says nothing of the account.
             */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `OBSERVATIONS_PRUNED`: The single observations were let go by the retention policy; verdicts, scores and their proofs are kept for ever. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    listVerifiedMachines: {
        parameters: {
            query?: {
                /** @description most entries of a page */
                limit?: number;
                /** @description where the page begins: `next` of the page before, as it was given; leave it out for the first page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Feed"];
                };
            };
            /** @description the copy with this ETag is still right */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_CURSOR`: The cursor is not one that this list gave, with the same sort.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /**
             * @description `DATABASE`: The database does not answer now: try again.
             *
             *     `BUSY`: As many requests are being answered as this server takes, of one client or of all, or another recording is being made: try again after as many seconds as Retry-After says.
             *
             *     `TIMED_OUT`: The answer took longer than this server allows: ask for less, or try again.
             */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    streamEvents: {
        parameters: {
            query?: {
                /** @description comma-separated: block, round, verdict, epoch, payout. Default: block, round, epoch; with `machine` all */
                types?: string;
                /**
                 * @description of verdicts only those of this machine, of payouts only those to its owner: 0x and 64 hex digits, or an SS58 address
                 * @example 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY
                 */
                machine?: string;
                /** @description id of the last event that was read; the header Last-Event-ID goes before it */
                after?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description until either side ends it */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /**
             * @description `BAD_REQUEST`: A parameter is malformed or out of its bounds; the message names it.
             *
             *     `BAD_ACCOUNT`: The path or a filter does not name an account: 0x and 64 hex digits, or an SS58 address.
             *
             *     `BAD_EVENT_ID`: The id after which events are asked for is not one that this server gave.
             */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `RATE_LIMITED`: Too many requests of one client: wait as many seconds as Retry-After says. */
            429: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `INTERNAL`: The server could not answer; its operator finds the reason in its log. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
            /** @description `TOO_MANY_CLIENTS`: As many streams of events are open as this server allows, to one client or in all: wait as many seconds as Retry-After says. */
            503: {
                headers: {
                    /** @description seconds to wait */
                    "Retry-After"?: number;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Error"];
                };
            };
        };
    };
    getHealth: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description it does */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ok: boolean;
                    };
                };
            };
        };
    };
    getReady: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description they are */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ready: boolean;
                        detail: {
                            head: number | null;
                            best: number | null;
                            behind: number | null;
                            stalled: string | null;
                            newer: string | null;
                            endpoint: {
                                /** @description the node that is asked, without what may be a secret in its address */
                                name: string;
                                /** @description how often another took its place since the start */
                                switches: number;
                                why: string | null;
                            } | null;
                        };
                    };
                };
            };
            /** @description they are not */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ready: boolean;
                        detail: {
                            head: number | null;
                            best: number | null;
                            behind: number | null;
                            stalled: string | null;
                            newer: string | null;
                            endpoint: {
                                /** @description the node that is asked, without what may be a secret in its address */
                                name: string;
                                /** @description how often another took its place since the start */
                                switches: number;
                                why: string | null;
                            } | null;
                        };
                    };
                };
            };
        };
    };
    getMetrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description names with units */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
        };
    };
}
