# Loads a checkpoint of gpt-ddp into the Julia program's own model: its `GPT` and `CharTokenizer`.
#
#     julia --project=PATH/TO/THE/JULIA/PROGRAM scripts/load_checkpoint.jl checkpoints/shakespeare.jld2
#
# or, in Julia:  include("scripts/load_checkpoint.jl"); model, tokenizer = load_checkpoint_of_swift(path)
#
# Written against JLD2 0.6 and that program's constructors, `GPT(; vocab_size, n_embd, n_layer, block_size,
# n_head)` and `CharTokenizer(stoi, itos, vocab_size)`. It has not been run where it was written: there is no
# Julia there. HDF5 lists dimensions in the reverse of Julia's order, so every weight arrives as Flux keeps it,
# (out, in), and nothing is transposed.

using JLD2
using Flux
using MicroGPT

const LINEARS = (:attn_wq, :attn_wk, :attn_wv, :attn_wo, :mlp_fc1, :mlp_fc2)

"""
    load_checkpoint_of_swift(path) -> (model, tokenizer)
"""
function load_checkpoint_of_swift(path::AbstractString)
    jldopen(path, "r") do file
        file["format"] == "microgpt-swift-checkpoint" || error("$path: not a checkpoint of gpt-ddp")
        # What a file needs beyond the first format, by name; only what is under config/ changes the model.
        needed = haskey(file, "features") ? file["features"] : String[]
        unknown = filter(name -> startswith(name, "config/") && !(name in ("config/init_std", "config/init_scheme")), needed)
        isempty(unknown) || error("$path: it needs $(join(unknown, ", ")), which this script does not know")
        size_of(name) = Int(file["config/$name"])
        model = MicroGPT.GPT(; vocab_size = size_of("vocab_size"), n_embd = size_of("n_embd"),
            n_layer = size_of("n_layer"), block_size = size_of("block_size"), n_head = size_of("n_head"))

        # copyto! would accept another shape with as many elements: compare first.
        function fill!(layer, key)
            stored = file["model_state/$key/weight"]
            size(layer.weight) == size(stored) ||
                error("$path: $key has size $(size(stored)), the model wants $(size(layer.weight))")
            copyto!(layer.weight, stored)
        end
        for name in (:wte, :wpe, :lm_head)
            fill!(getproperty(model, name), name)
        end
        for (number, block) in enumerate(model.blocks), name in LINEARS
            fill!(getproperty(block, name), "blocks/$number/$name")
        end

        # Row i of itos is id i, counting from 1; the last is "<BOS>". U+0000 is spelled "<NUL>" in the file.
        texts = [text == "<NUL>" ? "\0" : String(text) for text in file["tokenizer/itos"]]
        itos = Dict{Int,String}(enumerate(texts))
        stoi = Dict{String,Int}(text => id for (id, text) in itos)
        return model, MicroGPT.CharTokenizer(stoi, itos, length(texts))
    end
end

if abspath(PROGRAM_FILE) == @__FILE__
    length(ARGS) == 1 || error("usage: julia scripts/load_checkpoint.jl FILE")
    model, tokenizer = load_checkpoint_of_swift(only(ARGS))
    println("parameters: ", sum(length, Flux.trainables(model)))
    println("vocabulary: ", tokenizer.vocab_size)
end
