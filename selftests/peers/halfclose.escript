#!/usr/bin/env escript
%% SPDX-License-Identifier: GPL-2.0
%% An Erlang client that closes its half first (ssl:shutdown(S, write)), then reads.
%% usage: halfclose.escript PORT tlsv1.2|tlsv1.3 REQUEST SIZE ROUNDS
main([Port, Version, How, Size, Rounds]) ->
    {ok, _} = application:ensure_all_started(ssl),
    logger:set_primary_config(level, none),
    Round = fun(I) ->
        case catch round_(list_to_integer(Port), list_to_atom(Version), How, Size) of
            {got, N} when N =:= Size -> 1;
            Else -> io:format("round ~p: ~p~n", [I, Else]), 0
        end
    end,
    io:format("~p whole~n", [lists:sum([Round(I) || I <- lists:seq(1, list_to_integer(Rounds))])]).

round_(Port, Version, How, Size) ->
    {ok, S} = ssl:connect("127.0.0.1", Port, [{versions, [Version]}, {verify, verify_none},
                                              {active, false}, {mode, binary}], 30000),
    ok = ssl:send(S, [How, " ", Size, "\n"]),
    ok = ssl:shutdown(S, write),
    {got, integer_to_list(read(S, 0))}.

read(S, N) ->
    case ssl:recv(S, 0, 30000) of
        {ok, Part} -> read(S, N + byte_size(Part));
        {error, closed} -> N;
        {error, Why} -> throw({Why, N})
    end.
