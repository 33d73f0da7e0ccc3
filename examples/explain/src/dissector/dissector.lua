local HEADER, COOKIE, TLV_HEAD = 4, 8, 2
local VERSION, SESSION, OUTER = 1, 1, 0x0f
local DEEPEST = 6
local PORT = 4227

local iacp = Proto("iacp", "Inter-Agent Communication Protocol")
local malformed = ProtoExpert.new("iacp.malformed", "Malformed frame", expert.group.MALFORMED, expert.severity.ERROR)
iacp.experts = { malformed }

local registry = {}
for code, message in pairs(MESSAGES) do registry[code] = message.name end

-- Fields, by their filter name.
local declared, all = {}, {}
local function declare(key, field)
  if not declared[key] then
    declared[key] = field
    all[#all + 1] = field
  end
end
local function declare_field(prefix, field)
  local key = prefix .. field.name
  if field.kind == "text" then
    declare(key, ProtoField.string(key, field.name))
  elseif field.kind == "bytes" then
    declare(key, ProtoField.bytes(key, field.name))
  else
    local codes = CODES[field.name]
    if field.size == 1 then declare(key, ProtoField.uint8(key, field.name, base.DEC, codes))
    elseif field.size == 2 then declare(key, ProtoField.uint16(key, field.name, base.DEC, codes))
    elseif field.size == 4 then declare(key, ProtoField.uint32(key, field.name, base.DEC, codes))
    else declare(key, ProtoField.uint64(key, field.name, base.DEC)) end
  end
end

declare("iacp.version", ProtoField.uint8("iacp.version", "version", base.DEC))
declare("iacp.type", ProtoField.uint8("iacp.type", "type", base.HEX, registry))
declare("iacp.flags", ProtoField.uint8("iacp.flags", "flags", base.HEX))
declare("iacp.payload_length", ProtoField.uint16("iacp.payload_length", "payload_length", base.DEC))
declare("iacp.responder_cookie", ProtoField.bytes("iacp.responder_cookie", "responder_cookie"))
declare("iacp.tlv.type", ProtoField.uint8("iacp.tlv.type", "type", base.HEX, TLVS))
declare("iacp.tlv.length", ProtoField.uint8("iacp.tlv.length", "length", base.DEC))
declare("iacp.tlv.value", ProtoField.bytes("iacp.tlv.value", "value"))
for _, message in pairs(MESSAGES) do
  local prefix = "iacp." .. message.key .. "."
  for _, part in ipairs({ message.fields, message.bindings or {}, message.claims_head or {}, message.claims_tail or {} }) do
    for _, field in ipairs(part) do declare_field(prefix, field) end
  end
  if message.claims_head then
    declare_field(prefix, { name = "claim_a", kind = "bytes" })
    declare_field(prefix, { name = "claim_b", kind = "bytes" })
  end
end
declare("iacp.outer_transport_header.transit_id",
  ProtoField.uint16("iacp.outer_transport_header.transit_id", "transit_id", base.DEC))
iacp.fields = all

local function wrong(tree, why)
  tree:add_proto_expert_info(malformed, why)
end

-- The names of the bits that are set.
local function named(number, names)
  local set, rest = {}, number
  for bit = 0, 31 do
    local mask = 2 ^ bit
    if math.floor(number / mask) % 2 == 1 then
      if names[mask] then
        set[#set + 1] = names[mask]
        rest = rest - mask
      end
    end
  end
  if rest ~= 0 then set[#set + 1] = string.format("unknown 0x%x", rest) end
  return table.concat(set, ", ")
end

local function moment(range)
  local milliseconds = range:uint64():tonumber()
  local seconds = math.floor(milliseconds / 1000)
  if seconds > 253402300799 then return "" end
  return os.date("!%Y-%m-%dT%H:%M:%S", seconds) .. string.format(".%03dZ", milliseconds - seconds * 1000)
end

local function address(range)
  local bytes = range:bytes()
  for at = 0, 9 do
    if bytes:get_index(at) ~= 0 then return tostring(range:ipv6()) end
  end
  if bytes:get_index(10) == 255 and bytes:get_index(11) == 255 then return tostring(range:range(12, 4):ipv4()) end
  return tostring(range:ipv6())
end

local function note(field, range)
  local name = field.name
  if BITS[name] then return named(range:uint(), BITS[name]) end
  if TIMES[name] and field.size == 8 then return moment(range) end
  if ADDRESSES[name] and range:len() == 16 then return address(range) end
  return ""
end

local frame

-- Adds one field.
local function add(tvb, at, size, prefix, field, tree, depth)
  if size == 0 then return end
  local range = tvb:range(at, size)
  local declaration, item = declared[prefix .. field.name], nil
  if field.kind == "text" then
    item = tree:add(declaration, range, range:string(ENC_UTF_8))
  else
    item = tree:add(declaration, range)
  end
  local text = note(field, range)
  if text ~= "" then item:append_text(" (" .. text .. ")") end
  if FRAMES[field.name] then
    if depth < DEEPEST then frame(range:tvb(), item, depth + 1) else item:append_text(" (too deep)") end
  end
end

-- Adds fields from `at` to at most `limit`; gives the offset behind them and the numbers in them, or nothing.
local function walk(tvb, at, limit, prefix, fields, tree, depth)
  local fixed, numbers = 0, {}
  for _, field in ipairs(fields) do fixed = fixed + (field.size or 0) end
  local open = limit - at - fixed
  for _, field in ipairs(fields) do
    local size = field.size or open
    if size < 0 or at + size > limit then
      wrong(tree, "ends inside " .. field.name)
      return nil
    end
    add(tvb, at, size, prefix, field, tree, depth)
    if field.kind == "number" and size <= 4 then numbers[field.name] = tvb:range(at, size):uint() end
    at = at + size
  end
  return at, numbers, open
end

-- What two bindings or two claims prove, behind a PROOF_OF_MAL.
local function evidence(tvb, at, limit, prefix, message, offence, tree)
  if offence < 2 or offence > 4 then return walk(tvb, at, limit, prefix, message.bindings, tree, 0) end
  local behind, numbers = walk(tvb, at, limit, prefix, message.claims_head, tree, 0)
  if not behind then return nil end
  for _, claim in ipairs({ { "claim_a", numbers.length_a }, { "claim_b", numbers.length_b } }) do
    if behind + claim[2] > limit then
      wrong(tree, "ends inside " .. claim[1])
      return nil
    end
    add(tvb, behind, claim[2], prefix, { name = claim[1], kind = "bytes" }, tree, 0)
    behind = behind + claim[2]
  end
  return walk(tvb, behind, limit, prefix, message.claims_tail, tree, 0)
end

local function tlvs(tvb, at, limit, tree)
  while at < limit do
    if at + TLV_HEAD > limit or at + TLV_HEAD + tvb:range(at + 1, 1):uint() > limit then
      wrong(tree, "ends inside a TLV")
      return
    end
    local code, length = tvb:range(at, 1):uint(), tvb:range(at + 1, 1):uint()
    local branch = tree:add(iacp, tvb:range(at, TLV_HEAD + length), "TLV " .. (TLVS[code] or string.format("0x%02x", code)))
    branch:add(declared["iacp.tlv.type"], tvb:range(at, 1))
    branch:add(declared["iacp.tlv.length"], tvb:range(at + 1, 1))
    if length > 0 then branch:add(declared["iacp.tlv.value"], tvb:range(at + TLV_HEAD, length)) end
    at = at + TLV_HEAD + length
  end
end

-- One frame: what `inspect frame` says of it. Gives its name.
frame = function(tvb, tree, depth)
  local limit = tvb:len()
  if limit < HEADER then
    wrong(tree, "ends inside the header")
    return "malformed"
  end
  local first = tvb:range(0, 2):uint()
  local version, code, flags = math.floor(first / 4096), math.floor(first / 16) % 256, first % 16
  local outer = version == 0 and code == OUTER
  tree:add(declared["iacp.version"], tvb:range(0, 1), version)
  tree:add(declared["iacp.type"], tvb:range(0, 2), code)
  local names = named(flags, outer and OUTER_FLAGS or FLAGS)
  local item = tree:add(declared["iacp.flags"], tvb:range(1, 1), flags)
  if names ~= "" then item:append_text(" (" .. names .. ")") end
  local message = MESSAGES[code]
  if not message or (version ~= VERSION and not outer) or (code == OUTER and not outer) then
    wrong(tree, message and "unknown version" or "unknown type")
    return "malformed"
  end
  local prefix, at = "iacp." .. message.key .. ".", HEADER
  if outer then
    tree:add(declared[prefix .. "transit_id"], tvb:range(2, 2))
  else
    tree:add(declared["iacp.payload_length"], tvb:range(2, 2))
    if tvb:range(2, 2):uint() ~= limit - HEADER then wrong(tree, "payload_length is not what follows") end
    if flags % 2 == SESSION then
      if at + COOKIE > limit then
        wrong(tree, "ends inside responder_cookie")
        return message.name
      end
      tree:add(declared["iacp.responder_cookie"], tvb:range(at, COOKIE))
      at = at + COOKIE
    end
  end
  local numbers, open
  at, numbers, open = walk(tvb, at, limit, prefix, message.fields, tree, depth)
  if not at then return message.name end
  if open < message.least then wrong(tree, "too few sealed bytes") end
  if message.measured_by and numbers[message.measured_by] ~= open then
    wrong(tree, message.measured_by .. " is not what follows")
  end
  if message.bindings and at < limit then
    at = evidence(tvb, at, limit, prefix, message, numbers.offense_type, tree)
  elseif message.tlvs then
    tlvs(tvb, at, limit, tree)
    at = limit
  end
  if at and at < limit then wrong(tree, "bytes behind the frame") end
  return message.name
end

function iacp.dissector(tvb, pinfo, tree)
  pinfo.cols.protocol = "IACP"
  local root = tree:add(iacp, tvb:range())
  local name = frame(tvb, root, 0)
  root:append_text(": " .. name)
  pinfo.cols.info = name
end

DissectorTable.get("udp.port"):add(PORT, iacp)
DissectorTable.get("wtap_encap"):add(wtap.USER0, iacp)
